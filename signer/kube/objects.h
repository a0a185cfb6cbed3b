#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "signer/kube/json.h"

namespace signet {

using StringMap = std::map<std::string, std::string, std::less<>>;

// An entry of status.conditions, whole: a patch replaces the list, so who adds one writes the others back as they
// were. Times are the API's text (RFC 3339).
struct CsrCondition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;
  std::string last_update_time;
  std::string last_transition_time;

  bool operator==(const CsrCondition&) const = default;
};

// certificates.k8s.io/v1 CertificateSigningRequest, as far as we read it
// (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/certificate-signing-request-v1/).
struct CertificateSigningRequest {
  std::string name;
  std::string generate_name;
  std::string uid;
  std::string resource_version;
  StringMap annotations;
  StringMap labels;

  struct Spec {
    // The bytes of spec.request, base64 undone: PEM of a PKCS#10, as the requester wrote it.
    std::string request;
    std::string signer_name;
    std::vector<std::string> usages;
    std::optional<std::int32_t> expiration_seconds;
    // Who created the object. The API server fills these in after mutating admission: empty before that.
    std::string username;
    std::string uid;
    std::vector<std::string> groups;
    // What the authenticator tells beside that, as `authentication.kubernetes.io/pod-name`.
    std::map<std::string, std::vector<std::string>> extra;

    bool operator==(const Spec&) const = default;
  };
  Spec spec;

  struct Status {
    std::vector<CsrCondition> conditions;
    // The bytes of status.certificate, base64 undone: PEM, the leaf first. Empty until issued.
    std::string certificate;

    bool operator==(const Status&) const = default;
  };
  Status status;

  // A field that is absent or null is empty, as in the Kubernetes API; one of a wrong type is an error; unknown ones
  // are ignored, for the API grows. What the values mean is not judged. The error begins with the JSON path of the
  // first offence, under `path` if one is given: `request.object.spec.usages[2]: must be a string`.
  [[nodiscard]] static tl::expected<CertificateSigningRequest, std::string> decode(JsonView object,
                                                                                   std::string_view path = {});

  // Whether a condition of this type has status "True". Approved and Denied may carry no status in objects older than
  // v1: that counts too.
  [[nodiscard]] bool has_condition(std::string_view type) const;

  bool operator==(const CertificateSigningRequest&) const = default;
};

// cert-manager.io/v1 CertificateRequest, as far as we read it
// (https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateRequest).
struct CertificateRequest {
  std::string name;
  std::string uid;

  // spec.issuerRef; what is absent means cert-manager's own group and an Issuer.
  struct Issuer {
    std::string group = "cert-manager.io";
    std::string kind = "Issuer";
    std::string name;

    // The signerName under which cert-manager serves CertificateSigningRequests for the same issuer, referred to from
    // namespace `ns` (https://cert-manager.io/docs/usage/kube-csr/).
    [[nodiscard]] std::string signer_name(std::string_view ns) const;
    // Errors as below.
    [[nodiscard]] static tl::expected<Issuer, std::string> decode(JsonView object);
  };

  std::string request;                  // as of a CertificateSigningRequest
  std::optional<std::string> duration;  // as Go writes it; absent: the issuer's default
  std::vector<std::string> usages;
  bool is_ca = false;

  // As of a CertificateSigningRequest: absent is empty, a wrong type is an error that begins with the path.
  [[nodiscard]] static tl::expected<CertificateRequest, std::string> decode(JsonView object);
};

// v1 Namespace, as far as we read it.
struct Namespace {
  std::string name;
  StringMap labels;

  // As of a CertificateSigningRequest, and the name must be there.
  [[nodiscard]] static tl::expected<Namespace, std::string> decode(JsonView object);
};

// v1 Pod, as far as it tells whose it is and whether it is alive
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/).
struct Pod {
  std::string uid;
  // spec.serviceAccountName
  std::string service_account;
  // metadata.deletionTimestamp is set.
  bool is_being_deleted = false;
  // Pending, Running, Succeeded, Failed or Unknown; empty before the first of these.
  std::string phase;

  // As of a CertificateSigningRequest, and the uid must be there.
  [[nodiscard]] static tl::expected<Pod, std::string> decode(JsonView object);

  bool operator==(const Pod&) const = default;
};

// coordination.k8s.io/v1 Lease, as far as we read and write it
// (https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/). Times are the API's text (RFC 3339
// with microseconds), and nobody's to compare: they are of another machine's clock.
struct Lease {
  std::string name = {};
  // Of the object that was read; empty: there is none yet.
  std::string resource_version = {};
  // spec.holderIdentity; empty: nobody's.
  std::string holder = {};
  std::optional<std::int32_t> duration_seconds = {};
  std::string acquire_time = {};
  std::string renew_time = {};
  std::optional<std::int32_t> transitions = {};

  // As of a CertificateSigningRequest, and name and resourceVersion must be there.
  [[nodiscard]] static tl::expected<Lease, std::string> decode(JsonView object);

  bool operator==(const Lease&) const = default;
};

}  // namespace signet
