#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace signet {

/// A request for a certificate in the words of a person: what is not said is as a workload's agent asks it of istiod.
struct RequestSketch {
  std::string identity;                ///< a SPIFFE ID; empty for a service
  std::vector<std::string> dns_names;  ///< of a service; empty for a workload
  std::vector<std::string> ip_addresses = {};
  /// Of the namespace that the request is of; absent: not known.
  std::optional<Labels> namespace_labels = {};
  std::string signer;  ///< without the domain, or a whole signerName
  /// A user name, or `self`: the service account that the identity names. Empty: the first that the policy lists.
  std::string requester;
  /// Empty: of a service account, the groups that Kubernetes gives it; of others, none.
  std::vector<std::string> groups;
  std::string key = "ECDSA-P256";  ///< a key type that a policy can allow, or any other: then no policy allows it
  std::vector<std::string> usages = {"digital signature", "key encipherment", "server auth", "client auth"};
  std::optional<std::chrono::seconds> duration;  ///< absent: none is asked for
  /// Whether the request passes /mutate before it is judged, as at CREATE in a cluster: the lifetime is then clamped,
  /// and the routed signer replaced by the workload's first.
  bool mutate = false;
};

/// The labels that a sketch tells, whatever namespace is asked about: there is one in it. Its name is one of them, as
/// in a cluster.
class SketchedNamespace final : public NamespaceLabels {
 public:
  explicit SketchedNamespace(const RequestSketch& sketch) : labels_(sketch.namespace_labels) {}

  [[nodiscard]] std::shared_ptr<const Labels> find(std::string_view ns) const override;

 private:
  std::optional<Labels> labels_;
};

/// The facts that policy would be given of such a request, well-formed and with its key's possession proven. They are
/// for a trial: there is no key in them, so nothing can be issued for them.
[[nodiscard]] SigningRequest sketched_request(const RequestSketch& sketch, const Policy& policy);

}  // namespace signet
