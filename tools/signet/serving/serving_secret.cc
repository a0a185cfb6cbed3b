#include "tools/signet/serving/serving_secret.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <utility>
#include <vector>

#include "signer/issue/ca_key.h"
#include "signer/issue/self_signed_ca.h"
#include "signer/issue/serving_certificate.h"
#include "signer/trust/certificate.h"
#include "webhook/tls_identity.h"

namespace signet {
namespace {

constexpr const char* kCaName = "signet serving";

// Material, read.
struct ReadMaterial {
  std::vector<Certificate> authorities;
  Certificate leaf;
};

bool is_due(const Certificate& certificate, std::chrono::sys_seconds now) {
  const std::chrono::seconds life = not_after(certificate) - not_before(certificate);
  return now >= not_before(certificate) + life * 2 / 3;
}

bool has_signed(const Certificate& authority, const Certificate& leaf) {
  const bool verified = X509_check_issued(authority.x509.get(), leaf.x509.get()) == X509_V_OK &&
                        X509_verify(leaf.x509.get(), X509_get0_pubkey(authority.x509.get())) == 1;
  drain_openssl_errors();
  return verified;
}

tl::expected<ReadMaterial, std::string> read_material(const ServingMaterial& held) {
  auto authorities = read_certificates(held.ca_crt);
  if (!authorities) {
    return tl::unexpected("ca.crt: " + authorities.error());
  }
  const auto ca_key = CaKey::parse(held.ca_key);
  if (!ca_key) {
    return tl::unexpected("ca.key: " + ca_key.error());
  }
  if (!ca_key->belongs_to(*authorities->front().x509)) {
    return tl::unexpected<std::string>("ca.key is not the key of the first certificate of ca.crt");
  }
  const auto period = serving_period({.certificate_pem = held.tls_crt, .key_pem = held.tls_key});
  if (!period) {
    return tl::unexpected("tls.crt and tls.key: " + period.error());
  }
  auto leaves = read_certificates(held.tls_crt);
  if (!leaves) {
    return tl::unexpected("tls.crt: " + leaves.error());
  }
  return ReadMaterial{.authorities = *std::move(authorities), .leaf = std::move(leaves->front())};
}

// The certificate and the key of the CA that signs.
TlsSecret signing_ca(const ServingMaterial& material) {
  const auto authorities = read_certificates(material.ca_crt);
  return {.tls_crt = certificate_pem(authorities->front()), .tls_key = material.ca_key, .ca_crt = {}};
}

tl::expected<void, std::string> renew_leaf(ServingMaterial& material, const std::string& dns_name,
                                           std::chrono::sys_seconds now) {
  auto made = make_serving_certificate(dns_name, signing_ca(material), kServingLifetime, now);
  if (!made) {
    return tl::unexpected(made.error());
  }
  material.tls_crt = std::move(made->tls_crt);
  material.tls_key = made->tls_key;
  return {};
}

}  // namespace

tl::expected<ServingMaterial, std::string> new_serving_material(const std::string& dns_name,
                                                                std::chrono::sys_seconds now) {
  const auto ca = make_self_signed_ca(kCaName, {.lifetime = kServingCaLifetime}, now);
  if (!ca) {
    return tl::unexpected(ca.error());
  }
  ServingMaterial material{.ca_crt = ca->tls_crt, .ca_key = ca->tls_key, .tls_crt = {}, .tls_key = {}};
  return renew_leaf(material, dns_name, now).map([&] { return std::move(material); });
}

tl::expected<std::optional<ServingMaterial>, std::string> renewed_serving_material(const ServingMaterial& held,
                                                                                   const std::string& dns_name,
                                                                                   bool clients_trust_all,
                                                                                   std::chrono::sys_seconds now) {
  const auto read = read_material(held);
  if (!read) {
    return tl::unexpected(read.error());
  }
  ServingMaterial next = held;
  next.ca_crt.clear();
  bool leaf_is_of_first = false;
  bool leaf_is_trusted = false;
  for (const Certificate& authority : read->authorities) {
    const bool is_first = &authority == &read->authorities.front();
    if (now > not_after(authority)) {
      continue;
    }
    next.ca_crt += certificate_pem(authority);
    const bool signed_it = has_signed(authority, read->leaf);
    leaf_is_trusted = leaf_is_trusted || signed_it;
    leaf_is_of_first = leaf_is_of_first || (is_first && signed_it);
  }
  const bool new_ca = is_due(read->authorities.front(), now);
  if (new_ca) {
    const auto ca = make_self_signed_ca(kCaName, {.lifetime = kServingCaLifetime}, now);
    if (!ca) {
      return tl::unexpected(ca.error());
    }
    next.ca_crt = ca->tls_crt + next.ca_crt;
    next.ca_key = ca->tls_key;
  }
  const bool is_of_use = leaf_is_trusted && now <= not_after(read->leaf) &&
                         X509_check_host(read->leaf.x509.get(), dns_name.data(), dns_name.size(),
                                         X509_CHECK_FLAG_NO_WILDCARDS, nullptr) == 1;
  const bool may_follow = !new_ca && (leaf_is_of_first || clients_trust_all);
  if (!is_of_use || (is_due(read->leaf, now) && may_follow)) {
    if (const auto renewed = renew_leaf(next, dns_name, now); !renewed) {
      return tl::unexpected(renewed.error());
    }
  }
  return next == held ? std::nullopt : std::optional(std::move(next));
}

}  // namespace signet
