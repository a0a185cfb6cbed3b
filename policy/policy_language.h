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
                                         PolicyKey{"requesterGroups"},
                                         PolicyKey{"namespaceAdmins"},
                                         PolicyKey{"issuers"},
                                         PolicyKey{"lockedVariables"},
                                         PolicyKey{"signers"},
                                         PolicyKey{"certificate"},
                                         PolicyKey{"modes"},
                                         PolicyKey{"tenants", kRequired}};
inline constexpr std::array kCertificateKeys = {PolicyKey{"keys"}, PolicyKey{"usages"}, PolicyKey{"minDuration"},
                                                PolicyKey{"maxDuration"}, PolicyKey{"durationOutOfBounds"}};
inline constexpr std::array kTenantKeys = {PolicyKey{"name", kRequired},
                                           PolicyKey{"namespaces"},
                                           PolicyKey{"namespaceSelector"},
                                           PolicyKey{"signers", kRequired},
                                           PolicyKey{"serviceAccounts"},
                                           PolicyKey{"dnsNames"},
                                           PolicyKey{"services"},
                                           PolicyKey{"requesters"},
                                           PolicyKey{"requesterGroups"},
                                           PolicyKey{"certificate"},
                                           PolicyKey{"quota"},
                                           PolicyKey{"suspended"},
                                           PolicyKey{"modes"}};
inline constexpr std::array kSelectorKeys = {PolicyKey{"matchLabels"}, PolicyKey{"matchExpressions"}};
inline constexpr std::array kExpressionKeys = {PolicyKey{"key", kRequired}, PolicyKey{"operator", kRequired},
                                               PolicyKey{"values"}};
inline constexpr std::array kServiceAccountKeys = {PolicyKey{"name", kRequired}, PolicyKey{"namespace"},
                                                   PolicyKey{"signers", kRequired}};
inline constexpr std::array kServiceKeys = {PolicyKey{"requesters"}, PolicyKey{"requesterGroups"},
                                            PolicyKey{"dnsNames"}, PolicyKey{"ipAddresses"}};
inline constexpr std::array kQuotaKeys = {PolicyKey{"perMinute", kRequired}, PolicyKey{"burst", kRequired}};
inline constexpr std::array kVariableKeys = {PolicyKey{"name", kRequired}, PolicyKey{"values"}};
inline constexpr std::array kSignerKeys = {PolicyKey{"name", kRequired}, PolicyKey{"secretName"},
                                           PolicyKey{"certificate"}, PolicyKey{"approval"}};
/// `all`, and the reasons that can be relaxed (decision.h).
inline constexpr std::array kModesKeys = {PolicyKey{"all"},
                                          PolicyKey{"RequesterNotAllowed"},
                                          PolicyKey{"ExtensionNotAllowed"},
                                          PolicyKey{"SubjectAltNameNotAllowed"},
                                          PolicyKey{"IdentityInvalid"},
                                          PolicyKey{"NoTenant"},
                                          PolicyKey{"SignerNotAllowed"},
                                          PolicyKey{"KeyNotAllowed"},
                                          PolicyKey{"UsageNotAllowed"},
                                          PolicyKey{"DurationTooLong"},
                                          PolicyKey{"DurationTooShort"},
                                          PolicyKey{"VariableLocked"}};

/// A map of the file: the path to it, "[]" for every item of a list, and its keys.
struct PolicyMap {
  std::string_view path;
  std::span<const PolicyKey> keys;
};

/// Every map that there is; the top has an empty path.
inline constexpr std::array kPolicyMaps = {
    PolicyMap{"", kTopKeys},
    PolicyMap{"metadata", kMetadataKeys},
    PolicyMap{"spec", kSpecKeys},
    PolicyMap{"spec.certificate", kCertificateKeys},
    PolicyMap{"spec.lockedVariables[]", kVariableKeys},
    PolicyMap{"spec.modes", kModesKeys},
    PolicyMap{"spec.signers[]", kSignerKeys},
    PolicyMap{"spec.signers[].certificate", kCertificateKeys},
    PolicyMap{"spec.tenants[]", kTenantKeys},
    PolicyMap{"spec.tenants[].certificate", kCertificateKeys},
    PolicyMap{"spec.tenants[].modes", kModesKeys},
    PolicyMap{"spec.tenants[].namespaceSelector", kSelectorKeys},
    PolicyMap{"spec.tenants[].namespaceSelector.matchExpressions[]", kExpressionKeys},
    PolicyMap{"spec.tenants[].quota", kQuotaKeys},
    PolicyMap{"spec.tenants[].serviceAccounts[]", kServiceAccountKeys},
    PolicyMap{"spec.tenants[].services[]", kServiceKeys}};

/// What spec.otherSigners and spec.certificateRequests can be, the default first.
inline constexpr std::array<std::string_view, 2> kOtherSignersChoices = {"deny", "pass"};
inline constexpr std::array<std::string_view, 2> kCertificateRequestsChoices = {"deny", "evaluate"};
/// What certificate.durationOutOfBounds, signers[].approval, a mode and an operator can be, the default first.
inline constexpr std::array<std::string_view, 2> kOutOfBoundsChoices = {"clamp", "deny"};
inline constexpr std::array<std::string_view, 2> kApprovalChoices = {"external", "automatic"};
inline constexpr std::array<std::string_view, 3> kModeChoices = {"enforce", "warn", "audit"};
inline constexpr std::array<std::string_view, 4> kOperatorChoices = {"In", "NotIn", "Exists", "DoesNotExist"};

/// Among requesters: the very service account that an identity names, for that identity.
inline constexpr std::string_view kSelfRequester = "self";

}  // namespace signet
