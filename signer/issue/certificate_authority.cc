#include "signer/issue/certificate_authority.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "signer/csr/sha256.h"
#include "signer/issue/certificate_parts.h"
#include "signer/issue/certificate_profile.h"
#include "signer/trust/certificate.h"
#include "signer/trust/certificate_check.h"

namespace signet {
namespace {

// As the number is written: without leading zero octets.
std::string hexadecimal(const SerialNumber& serial) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : serial) {
    if (hex.empty() && byte == 0) continue;
    hex += kHex[byte >> 4U];
    hex += kHex[byte & 0xFU];
  }
  return hex;
}

std::string der_of(const X509& certificate) {
  const int length = i2d_X509(&certificate, nullptr);
  if (length <= 0) return {};
  std::string der(static_cast<std::size_t>(length), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  return i2d_X509(&certificate, &out) == length ? der : std::string();
}

}  // namespace

tl::expected<CertificateAuthority, std::string> CertificateAuthority::create(std::string signer,
                                                                             std::shared_ptr<const IssuerChain> chain,
                                                                             CaKey key) {
  if (!key.belongs_to(*chain->issuer())) {
    return tl::unexpected("signer \"" + signer + "\": the private key is not that of the CA's certificate");
  }
  return CertificateAuthority(std::move(signer), std::move(chain), std::move(key));
}

tl::expected<IssuedCertificate, std::string> CertificateAuthority::issue(Grant grant,
                                                                         std::chrono::sys_seconds now) const {
  const std::string who = "signer \"" + signer_ + "\": ";
  if (grant.empty()) return tl::unexpected(who + "the grant was redeemed already");
  const Grant::Terms& terms = grant.terms();
  if (terms.signer != signer_) return tl::unexpected(who + "the grant is for signer " + terms.signer);
  if (terms.names.empty() || terms.usages.empty() || terms.lifetime <= std::chrono::seconds(0)) {
    return tl::unexpected(who + "the grant has no names, no usages or no lifetime");
  }
  if (auto valid = chain_->check_validity(now); !valid) return tl::unexpected(who + valid.error());
  if (chain_->not_after() - now < kMinRemaining) {
    return tl::unexpected(who + "the CA's certificate expires in less than 10 minutes");
  }
  const Validity validity{std::max<std::chrono::sys_seconds>(now - kBackdate, chain_->not_before()),
                          std::min(now + terms.lifetime, chain_->not_after())};

  const std::optional<SerialNumber> serial = random_serial();
  if (!serial) return tl::unexpected(who + "no random serial number: " + drain_openssl_errors());
  auto certificate = build_certificate(terms, *chain_->issuer(), *serial, validity);
  if (!certificate) return tl::unexpected(who + certificate.error());
  if (!key_.sign(**certificate)) return tl::unexpected(who + "cannot sign: " + drain_openssl_errors());
  const std::string der = der_of(**certificate);
  const std::string pem = pem_of(**certificate);
  if (der.empty() || pem.empty()) {
    return tl::unexpected(who + "cannot encode the certificate: " + drain_openssl_errors());
  }
  IssuedCertificate issued{
      .chain_pem = pem + chain_->published_chain_pem() + (terms.chain_ends_in_root ? chain_->root_pem() : ""),
      .serial = hexadecimal(*serial),
      .not_before = validity.not_before,
      .not_after = validity.not_after,
      .sha256 = sha256_hex(der)};
  // A faulty key or a mistake of ours must not leave this function.
  if (auto checked = check_certificate(terms, issued.chain_pem, *chain_, now); !checked) {
    return tl::unexpected(who + "what was signed is not what was granted: " + checked.error());
  }
  return issued;
}

}  // namespace signet
