#pragma once

#include <array>
#include <span>
#include <string_view>

namespace signet {

// The names that a policy file is written with. policy.schema.json says the same to editors, and a test compares them.

inline constexpr std::string_view kPolicyApiVersion = "signet/v1alpha1";
inline constexpr std::string_view kPolicyKind = "SignerPolicy";

/// A key that a map of the file may have.
struct PolicyKey {
  std::string_view name;
  bool required = false;
};

inline constexpr auto kRequired = true;

inline constexpr std::array kTopKeys = {PolicyKey{"apiVersion", kRequired}, PolicyKey{"kind", kRequired},
                                        PolicyKey{"metadata", kRequired}, PolicyKey{"spec", kRequired}};
inline constexpr std::array kMetadataKeys = {PolicyKey{"name", kRequired}};
inline constexpr std::array kSpecKeys = {PolicyKey{"trustDomains", kRequired},
                                         PolicyKey{"signerDomain", kRequired},
                                         PolicyKey{"defaultSigner"},
                                         PolicyKey{"rootNamespace"},
                                         PolicyKey{"routedSigner"},
                                         PolicyKey{"otherSigners"},
                                         PolicyKey{"certificateRequests"},
                                         PolicyKey{"requesters", kRequired},
                                         PolicyKey{"issuers"},
                                         PolicyKey{"signers"},
                                         PolicyKey{"certificate"},
                                         PolicyKey{"tenants", kRequired}};
inline constexpr std::array kCertificateKeys = {PolicyKey{"keys"}, PolicyKey{"usages"}, PolicyKey{"maxDuration"}};
inline constexpr std::array kTenantKeys = {PolicyKey{"name", kRequired},    PolicyKey{"namespaces", kRequired},
                                           PolicyKey{"signers", kRequired}, PolicyKey{"dnsNames"},
                                           PolicyKey{"requesters"},         PolicyKey{"certificate"}};
inline constexpr std::array kSignerKeys = {PolicyKey{"name", kRequired}, PolicyKey{"secretName", kRequired}};

/// A map of the file: the path to it, "[]" for every item of a list, and its keys.
struct PolicyMap {
  std::string_view path;
  std::span<const PolicyKey> keys;
};

/// Every map that there is; the top has an empty path.
inline constexpr std::array kPolicyMaps = {PolicyMap{"", kTopKeys},
                                           PolicyMap{"metadata", kMetadataKeys},
                                           PolicyMap{"spec", kSpecKeys},
                                           PolicyMap{"spec.certificate", kCertificateKeys},
                                           PolicyMap{"spec.tenants[]", kTenantKeys},
                                           PolicyMap{"spec.tenants[].certificate", kCertificateKeys},
                                           PolicyMap{"spec.signers[]", kSignerKeys}};

/// What spec.otherSigners and spec.certificateRequests can be, the default first.
inline constexpr std::array<std::string_view, 2> kOtherSignersChoices = {"deny", "pass"};
inline constexpr std::array<std::string_view, 2> kCertificateRequestsChoices = {"deny", "evaluate"};

/// Among requesters: the very service account that an identity names, for that identity.
inline constexpr std::string_view kSelfRequester = "self";

}  // namespace signet
