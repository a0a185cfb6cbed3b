#include "signer/trust/certificate_check.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "signer/csr/openssl_ptr.h"
#include "signer/csr/pem.h"
#include "signer/csr/public_key.h"
#include "signer/csr/requested_extensions.h"
#include "signer/kube/rfc3339.h"
#include "signer/trust/certificate.h"
#include "signer/trust/leaf_certificate.h"

namespace signet {
namespace {

// What is wrong, or nothing.
using Fault = std::optional<std::string>;

constexpr long kVersion3 = 3;

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
Fault fault_in_subject(const Grant::Terms& terms, const LeafCertificate& leaf) {
  const X509_NAME* const subject = &leaf.subject();
  for (int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) {
    const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    const std::string_view name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                                static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (std::ranges::find(terms.names, name, &SubjectAltName::value) == terms.names.end()) {
      return "the leaf's subject (" + name_text(leaf.subject()) + ") has a common name that was not granted";
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

Fault fault_in_validity(const Grant::Terms& terms, const LeafCertificate& leaf, std::chrono::sys_seconds now) {
  if (leaf.not_before() > now + kIssuerClockSkew) {
    return "the leaf is not valid before " + to_rfc3339(leaf.not_before());
  }
  if (leaf.not_after() <= now) {
    return "the leaf expired at " + to_rfc3339(leaf.not_after());
  }
  if (leaf.not_after() > now + terms.lifetime + kIssuerClockSkew) {
    return "the leaf is valid until " + to_rfc3339(leaf.not_after()) + ", longer than the granted " +
           std::to_string(terms.lifetime.count()) + " seconds from now";
  }
  return std::nullopt;
}

// Extensions that nothing else here reads: of no consequence, and what OpenSSL knows of them is what it should be.
Fault fault_in_other_extensions(const STACK_OF(X509_EXTENSION) & extensions) {
  for (int i = 0; i < sk_X509_EXTENSION_num(&extensions); ++i) {
    X509_EXTENSION* const extension = sk_X509_EXTENSION_value(&extensions, i);
    const ASN1_OBJECT* const oid = X509_EXTENSION_get_object(extension);
    switch (OBJ_obj2nid(oid)) {
      case NID_subject_alt_name:
      case NID_key_usage:
      case NID_ext_key_usage:
      case NID_basic_constraints:
      case NID_authority_key_identifier:
        continue;
      case NID_proxyCertInfo:
        return "the leaf is a proxy certificate (RFC 3820)";
      default:
        break;
    }
    if (X509_EXTENSION_get_critical(extension) != 0) {
      return "the leaf has the critical extension " + dotted(oid) + ", which nobody here handles";
    }
    const X509V3_EXT_METHOD* const known = X509V3_EXT_get(extension);
    if (known == nullptr) {
      continue;
    }
    void* const value = X509V3_EXT_d2i(extension);
    if (value == nullptr) {
      return "the leaf: extension " + dotted(oid) + " is malformed: " + drain_openssl_errors();
    }
    // As OpenSSL's own reader frees it.
    if (known->it != nullptr) {
      ASN1_item_free(static_cast<ASN1_VALUE*>(value), ASN1_ITEM_ptr(known->it));
    } else {
      known->ext_free(value);
    }
  }
  return std::nullopt;
}

Fault fault_in_leaf(const Grant::Terms& terms, const LeafCertificate& leaf, std::chrono::sys_seconds now) {
  if (leaf.version() != kVersion3) {
    return "the leaf is not of version 3";
  }
  if (leaf.spki() != terms.spki) {
    return "the leaf's key is not the one that was granted";
  }
  const STACK_OF(X509_EXTENSION)* const extensions = leaf.extensions();
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
                      fault_in_validity(terms, leaf, now), fault_in_other_extensions(*extensions)}) {
    if (fault) {
      return fault;
    }
  }
  return std::nullopt;
}

// RFC 5280 §4.2.1.1: who it says has issued it.
Fault fault_in_issuer_named(const STACK_OF(X509_EXTENSION) & extensions, const X509& issuer) {
  int found = 0;
  const OpensslPtr<AUTHORITY_KEYID, AUTHORITY_KEYID_free> identifier(
      static_cast<AUTHORITY_KEYID*>(X509V3_get_d2i(&extensions, NID_authority_key_identifier, &found, nullptr)));
  constexpr int kAbsent = -1;
  if (!identifier && found == kAbsent) {
    return std::nullopt;
  }
  if (!identifier) {
    return "the leaf: the authority key identifier is malformed: " + drain_openssl_errors();
  }
  if (X509_check_akid(&issuer, identifier.get()) != X509_V_OK) {
    return "the leaf's authority key identifier is not the signer's";
  }
  return std::nullopt;
}

// That the issuer is a CA, the way from it to its root and every signature on it were verified by IssuerChain.
Fault fault_in_path(const LeafCertificate& leaf, const IssuerChain& issuer, std::chrono::sys_seconds now) {
  const X509& certificate = *issuer.issuer();
  if (X509_NAME_cmp(&leaf.issuer(), X509_get_subject_name(&certificate)) != 0) {
    return "the leaf's issuer is " + name_text(leaf.issuer()) + ", not the signer";
  }
  if (const Fault fault = fault_in_issuer_named(*leaf.extensions(), certificate)) {
    return fault;
  }
  EVP_PKEY* const key = X509_get0_pubkey(&certificate);
  const auto digest = signature_digest(leaf.signature_algorithm(), *key);
  if (!digest) {
    return "the leaf: " + digest.error();
  }
  if (!verifies(*key, **digest, leaf.signed_part(), leaf.signature())) {
    return "the leaf's signature is not the signer's";
  }
  // An issuer whose clock is a little ahead does not make a leaf that is not valid yet.
  const auto valid = issuer.check_validity(std::max(now, leaf.not_before()));
  return valid ? std::nullopt : Fault(valid.error());
}

// `others` is what follows the leaf: nothing but the signer's, and all that a client needs to get to the root it has.
Fault fault_in_rest(const std::vector<std::string>& others, const IssuerChain& issuer) {
  for (auto other = others.begin(); other != others.end(); ++other) {
    const std::string place = "certificate " + std::to_string(other - others.begin() + 2);
    if (std::ranges::find(issuer.path(), *other, &Certificate::der) == issuer.path().end()) {
      return place + " does not belong to the signer's chain";
    }
    if (std::find(others.begin(), other, *other) != other) {
      return place + " comes twice";
    }
  }
  for (std::size_t i = 0; i + 1 < issuer.path().size(); ++i) {
    const Certificate& needed = issuer.path()[i];
    if (std::ranges::find(others, needed.der) == others.end()) {
      return "the chain lacks " + subject_text(needed) + ", which leads to the signer's root";
    }
  }
  return std::nullopt;
}

}  // namespace

tl::expected<void, std::string> check_certificate(const Grant::Terms& terms, std::string_view pem_chain,
                                                  const IssuerChain& issuer, std::chrono::sys_seconds now) {
  auto blocks = read_pem(pem_chain, "CERTIFICATE", kChainLimits);
  if (!blocks) {
    return tl::unexpected(std::move(blocks.error()));
  }
  const auto leaf = LeafCertificate::parse(std::move(blocks->front()));
  if (!leaf) {
    return tl::unexpected("the leaf: " + leaf.error());
  }
  blocks->erase(blocks->begin());
  if (Fault fault = fault_in_leaf(terms, *leaf, now)) {
    return tl::unexpected(*std::move(fault));
  }
  for (Fault fault : {fault_in_rest(*blocks, issuer), fault_in_path(*leaf, issuer, now)}) {
    if (fault) {
      return tl::unexpected(*std::move(fault));
    }
  }
  return {};
}

}  // namespace signet
