#include "policy/spiffe_id.h"

#include <algorithm>

#include "policy/kubernetes_names.h"

namespace signet {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::size_t kMaxTrustDomainBytes = 255;

bool is_trust_domain_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

}  // namespace

bool is_trust_domain(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTrustDomainBytes && std::ranges::all_of(name, is_trust_domain_char);
}

tl::expected<SpiffeId, std::string> SpiffeId::parse(std::string_view uri) {
  if (uri.size() > kMaxSpiffeIdBytes) {
    return tl::unexpected("a SPIFFE ID has at most 2048 bytes, this one has " + std::to_string(uri.size()));
  }
  if (!uri.starts_with(kScheme)) {
    return tl::unexpected<std::string>("does not begin with spiffe://");
  }
  const std::size_t path_begin = uri.find('/', kScheme.size());
  const std::string_view trust_domain = uri.substr(0, path_begin).substr(kScheme.size());
  if (!is_trust_domain(trust_domain)) {
    return tl::unexpected<std::string>("its trust domain is not 1 to 255 of a-z, 0-9, '.', '-' and '_'");
  }

  // The path is exactly four segments; each is checked more narrowly than SPIFFE-ID §2.2 asks, so that rule holds too.
  constexpr std::string_view kExpected = "its path is not /ns/<namespace>/sa/<service account>";
  constexpr std::string_view kNs = "/ns/";
  constexpr std::string_view kSa = "/sa/";
  if (path_begin == std::string_view::npos || !uri.substr(path_begin).starts_with(kNs)) {
    return tl::unexpected(std::string(kExpected));
  }
  const std::size_t ns_begin = path_begin + kNs.size();
  const std::size_t ns_end = uri.find('/', ns_begin);
  if (ns_end == std::string_view::npos || !uri.substr(ns_end).starts_with(kSa)) {
    return tl::unexpected(std::string(kExpected));
  }
  const std::size_t sa_begin = ns_end + kSa.size();
  if (uri.find('/', sa_begin) != std::string_view::npos) {
    return tl::unexpected(std::string(kExpected));
  }
  if (!is_dns_label(uri.substr(ns_begin, ns_end - ns_begin))) {
    return tl::unexpected<std::string>("its namespace is not a valid Kubernetes name (RFC 1123 label)");
  }
  if (!is_dns_subdomain(uri.substr(sa_begin))) {
    return tl::unexpected<std::string>("its service account is not a valid Kubernetes name (RFC 1123 subdomain)");
  }

  SpiffeId id;
  id.uri_ = uri;
  id.trust_domain_ = {kScheme.size(), trust_domain.size()};
  id.namespace_ = {ns_begin, ns_end - ns_begin};
  id.service_account_ = {sa_begin, uri.size() - sa_begin};
  return id;
}

}  // namespace signet
