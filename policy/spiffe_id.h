#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace signet {

/// The longest SPIFFE ID that an implementation must support, in bytes (SPIFFE-ID §2.3).
inline constexpr std::size_t kMaxSpiffeIdBytes = 2048;

/// Whether `name` is a SPIFFE trust domain: 1 to 255 of [a-z0-9._-] (SPIFFE-ID §2.1).
[[nodiscard]] bool is_trust_domain(std::string_view name);

/// A SPIFFE ID of a Kubernetes workload as Istio writes it: spiffe://<trust domain>/ns/<namespace>/sa/<service
/// account>. The namespace is an RFC 1123 label and the service account an RFC 1123 subdomain, as Kubernetes demands of
/// them.
class SpiffeId {
 public:
  /// Fails with what is wrong, quoting at most a short part of `uri`. Nothing is normalised: what parses is byte for
  /// byte what uri() gives back.
  [[nodiscard]] static tl::expected<SpiffeId, std::string> parse(std::string_view uri);

  [[nodiscard]] const std::string& uri() const { return uri_; }
  [[nodiscard]] std::string_view trust_domain() const { return trust_domain_.of(uri_); }
  [[nodiscard]] std::string_view ns() const { return namespace_.of(uri_); }
  [[nodiscard]] std::string_view service_account() const { return service_account_.of(uri_); }

 private:
  struct Part {
    std::size_t begin = 0;
    std::size_t size = 0;
    [[nodiscard]] std::string_view of(std::string_view whole) const { return whole.substr(begin, size); }
  };

  SpiffeId() = default;

  std::string uri_;
  Part trust_domain_;
  Part namespace_;
  Part service_account_;
};

}  // namespace signet
