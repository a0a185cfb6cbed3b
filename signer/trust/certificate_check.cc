#include "signer/trust/certificate_check.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "signer/csr/openssl_ptr.h"
#include "signer/csr/pem.h"
#include "signer/csr/requested_extensions.h"
#include "signer/kube/rfc3339.h"
#include "signer/trust/certificate.h"

namespace signet {
namespace {

// What is wrong, or nothing.
using Fault = std::optional<std::string>;

constexpr long kVersion3 = 2;

bool is_extended(Usage usage) { return usage == Usage::kServerAuth || usage == Usage::kClientAuth; }

Fault fault_in_names(const Grant::Terms& terms, const Pkcs10Facts& leaf) {
  if (leaf.subject_alt_name_extensions != 1) {
    return "the leaf has " + std::to_string(leaf.subject_alt_name_extensions) +
           " subject alternative name extensions, where one is granted";
  }
  const auto by_value = [](const SubjectAltName& a, const SubjectAltName& b) {
    return std::pair(a.type, std::string_view(a.value)) < std::pair(b.type, std::string_view(b.value));
  };
  std::vector<SubjectAltName> granted = terms.names;
  std::vector<SubjectAltName> given = leaf.names;
  std::ranges::sort(granted, by_value);
  std::ranges::sort(given, by_value);
  if (const auto twice = std::ranges::adjacent_find(given); twice != given.end()) {
    return "the leaf has the name " + twice->value + " twice";
  }
  std::vector<SubjectAltName> differing;
  std::ranges::set_difference(given, granted, std::back_inserter(differing), by_value);
  if (!differing.empty()) {
    return "the leaf has the name " + differing.front().value + ", which was not granted";
  }
  std::ranges::set_difference(granted, given, std::back_inserter(differing), by_value);
  if (!differing.empty()) {
    return "the leaf lacks the granted name " + differing.front().value;
  }
  return std::nullopt;
}

// A client that finds no DNS name looks for a host in the common name.
Fault fault_in_subject(const Grant::Terms& terms, const Certificate& leaf) {
  const X509_NAME* const subject = X509_get_subject_name(leaf.x509.get());
  for (int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) {
    const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    const std::string_view name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (std::ranges::find(terms.names, name, &SubjectAltName::value) == terms.names.end()) {
      return "the leaf's subject (" + subject_text(leaf) + ") has a common name that was not granted";
    }
  }
  return std::nullopt;
}

Fault fault_in_usages(const Grant::Terms& terms, const Pkcs10Facts& leaf) {
  bool key_usage = false;
  bool extended_key_usage = false;
  for (const std::string& name : leaf.usages) {
    const std::optional<Usage> usage = usage_named(name);
    if (!usage || std::ranges::find(terms.usages, *usage) == terms.usages.end()) {
      return "the leaf has the usage " + name + ", which was not granted";
    }
    (is_extended(*usage) ? extended_key_usage : key_usage) = true;
  }
  // RFC 5280 §4.2.1.3 and §4.2.1.12: without these extensions a key is for everything.
  const bool extended_granted = std::ranges::any_of(terms.usages, is_extended);
  const bool simple_granted = !std::ranges::all_of(terms.usages, is_extended);
  if (simple_granted && !key_usage) {
    return "the leaf has no key usage, which would allow them all";
  }
  if (extended_granted && !extended_key_usage) {
    return "the leaf has no extended key usage, which would allow them all";
  }
  return std::nullopt;
}

Fault fault_in_validity(const Grant::Terms& terms, const Certificate& leaf, std::chrono::sys_seconds now) {
  if (not_before(leaf) > now + kIssuerClockSkew) {
    return "the leaf is not valid before " + to_rfc3339(not_before(leaf));
  }
  if (not_after(leaf) <= now) {
    return "the leaf expired at " + to_rfc3339(not_after(leaf));
  }
  if (not_after(leaf) > now + terms.lifetime + kIssuerClockSkew) {
    return "the leaf is valid until " + to_rfc3339(not_after(leaf)) + ", longer than the granted " +
           std::to_string(terms.lifetime.count()) + " seconds from now";
  }
  return std::nullopt;
}

Fault fault_in_leaf(const Grant::Terms& terms, const Certificate& leaf, std::chrono::sys_seconds now) {
  if (X509_get_version(leaf.x509.get()) != kVersion3) {
    return "the leaf is not of version 3";
  }
  if (spki_of(leaf) != terms.spki) {
    return "the leaf's key is not the one that was granted";
  }
  const STACK_OF(X509_EXTENSION)* const extensions = X509_get0_extensions(leaf.x509.get());
  if (extensions == nullptr) {
    return "the leaf has no extensions";
  }
  const auto facts = read_extensions(*extensions);
  if (!facts) {
    return "the leaf: " + facts.error();
  }
  if (facts->ca_requested) {
    return "the leaf is a CA, or its key may sign certificates";
  }
  for (Fault fault : {fault_in_names(terms, *facts), fault_in_subject(terms, leaf), fault_in_usages(terms, *facts),
                      fault_in_validity(terms, leaf, now)}) {
    if (fault) {
      return fault;
    }
  }
  return std::nullopt;
}

// What follows the leaf, as the issuer's own objects, which `issuer` keeps owning.
tl::expected<X509Stack, std::string> members_of_chain(const std::vector<std::string>& others,
                                                      const IssuerChain& issuer) {
  X509Stack members(sk_X509_new_null());
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::string place = "certificate " + std::to_string(i + 2);
    const auto known = std::ranges::find(issuer.path(), others[i], &Certificate::der);
    if (known == issuer.path().end()) {
      return tl::unexpected(place + " does not belong to the signer's chain");
    }
    if (std::find(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(i), others[i]) !=
        others.begin() + static_cast<std::ptrdiff_t>(i)) {
      return tl::unexpected(place + " comes twice");
    }
    sk_X509_push(members.get(), known->x509.get());
  }
  return members;
}

Fault fault_in_path(const Certificate& leaf, STACK_OF(X509) * others, const IssuerChain& issuer,
                    std::chrono::sys_seconds now) {
  const X509StoreCtxPtr context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), issuer.store(), leaf.x509.get(), others) != 1) {
    return drain_openssl_errors();
  }
  // An issuer whose clock is a little ahead does not make a leaf that is not valid yet.
  const std::chrono::sys_seconds at = std::max(now, not_before(leaf));
  X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(at));
  if (X509_verify_cert(context.get()) == 1) {
    return std::nullopt;
  }
  drain_openssl_errors();
  return "the leaf does not verify up to the signer's root: " +
         std::string(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

}  // namespace

tl::expected<void, std::string> check_certificate(const Grant::Terms& terms, std::string_view pem_chain,
                                                  const IssuerChain& issuer, std::chrono::sys_seconds now) {
  auto blocks = read_pem(pem_chain, "CERTIFICATE", kChainLimits);
  if (!blocks) {
    return tl::unexpected(std::move(blocks.error()));
  }
  const auto leaf = decode_certificate(std::move(blocks->front()));
  if (!leaf) {
    return tl::unexpected("the leaf: " + leaf.error());
  }
  blocks->erase(blocks->begin());
  if (const Fault fault = fault_in_leaf(terms, *leaf, now)) {
    return tl::unexpected(*fault);
  }
  const auto others = members_of_chain(*blocks, issuer);
  if (!others) {
    return tl::unexpected(others.error());
  }
  if (const Fault fault = fault_in_path(*leaf, others->get(), issuer, now)) {
    return tl::unexpected(*fault);
  }
  return {};
}

}  // namespace signet
