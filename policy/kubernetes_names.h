#pragma once

#include <string_view>

namespace signet {

/// RFC 1123 label as Kubernetes restricts it: 1 to 63 of [a-z0-9-], beginning and ending alphanumeric. A namespace's
/// name.
[[nodiscard]] bool is_dns_label(std::string_view name);

/// RFC 1123 subdomain: labels joined by dots, 253 bytes at most. A service account's name, a DNS name, a signer's
/// domain.
[[nodiscard]] bool is_dns_subdomain(std::string_view name);

/// The key of a label: a name of 1 to 63 of [A-Za-z0-9_.-], alphanumeric at both ends, behind a subdomain and "/" or
/// not (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/).
[[nodiscard]] bool is_label_key(std::string_view key);
/// The value of a label: empty, or as the name in a key.
[[nodiscard]] bool is_label_value(std::string_view value);

/// The prefix of the user name of every service account: system:serviceaccount:<namespace>:<name>.
inline constexpr std::string_view kServiceAccountPrefix = "system:serviceaccount:";

/// The prefix of the group that every service account of a namespace is in: system:serviceaccounts:<namespace>.
inline constexpr std::string_view kServiceAccountsGroupPrefix = "system:serviceaccounts:";

}  // namespace signet
