#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "signer/kube/json.h"
#include "signer/kube/objects.h"
#include "signer/kube/wipe_secret.h"

namespace signet {

struct KubeError {
  enum class Kind {
    kUnauthorized,     // 401: who we are was not accepted
    kForbidden,        // 403: RBAC or an admission policy refused
    kNotFound,         // 404
    kConflict,         // 409: the uid or the resourceVersion is another by now
    kGone,             // 410: the resourceVersion is too old, list again
    kTooManyRequests,  // 429
    kServer,           // 5xx
    kTransport,        // no answer: connect, TLS, timeout, connection lost, cancelled
    kBadResponse,      // an answer that is not what the API promises, or beyond our bounds
    kInvalid,          // 400, 422, or what cannot be put into a request
  };

  Kind kind = Kind::kTransport;
  // 0 when there was no answer.
  int http_status = 0;
  // The API server's own words where it sent some.
  std::string message;
  std::optional<std::chrono::seconds> retry_after;

  // The same request may succeed at any moment: 429, 5xx, transport, and 401, for tokens are replaced.
  [[nodiscard]] bool is_transient() const;
};

template <typename T>
using KubeResult = tl::expected<T, KubeError>;

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark };

// What the API server tells about one object. For a bookmark the object carries a resourceVersion alone. The view is
// valid during the call.
struct WatchEvent {
  WatchEventType type = WatchEventType::kBookmark;
  JsonView object;
};

struct WatchRequest {
  // Where the list (or the watch before) ended.
  std::string resource_version;
  // The API server ends the watch after this long; if it does not, we do a little later.
  std::chrono::seconds timeout{20};
};

struct WatchHandler {
  // Sees each line before it is parsed: false drops the line. May be empty.
  std::function<bool(std::string_view line)> wants_line;
  std::function<void(const WatchEvent&)> on_event;
};

// The data of a Secret of type kubernetes.io/tls, base64 undone. ca_crt is empty when the Secret has none. The key is
// wiped at the end.
struct TlsSecret {
  ~TlsSecret() { wipe_secret(tls_key); }

  std::string tls_crt;
  std::string tls_key;
  std::string ca_crt;
  // As it was read; not looked at when one is created.
  std::string resource_version{};
};

// Whether a write is only tried: judged as a whole by the API server, admission included, but not stored.
enum class DryRun { kNo, kYes };

// One question of a SelfSubjectAccessReview; what is empty is not asked for.
struct AccessQuestion {
  std::string verb;
  std::string group;
  std::string resource;
  std::string subresource;
  std::string name;
  std::string name_space;

  friend bool operator==(const AccessQuestion&, const AccessQuestion&) = default;
};

// A rule of RBAC as a SelfSubjectRulesReview tells it; "*" stands for all, and no names for all names.
struct AccessRule {
  std::vector<std::string> verbs;
  std::vector<std::string> groups;
  std::vector<std::string> resources;  // "signers", "certificatesigningrequests/status"
  std::set<std::string, std::less<>> names;

  // Whether it says yes to a question about the whole cluster.
  [[nodiscard]] bool grants(const AccessQuestion& question) const;
};

// What Signet asks of an API server, and nothing more. Every call blocks until it is answered, fails or times out; all
// of them may be made from several threads at once.
class KubeApi {
 public:
  KubeApi() = default;
  KubeApi(const KubeApi&) = delete;
  KubeApi& operator=(const KubeApi&) = delete;
  virtual ~KubeApi() = default;

  // Calls `visit` for every request for `signer_name` (all when empty), page by page; the view is valid during the
  // call. Starts again when the pages expire, so `visit` may see an object more than once. Returns the resourceVersion
  // to watch from.
  [[nodiscard]] virtual KubeResult<std::string> list_csrs(const std::string& signer_name,
                                                          const std::function<void(JsonView)>& visit,
                                                          const std::stop_token& stop) = 0;

  // Calls the handler for every event of the requests for `signer_name` (all when empty) until the watch ends: by its
  // timeout or by `stop` (at once, from whatever thread) without an error, by an ERROR event with that error (kGone:
  // list again), by a bad line or a lost connection with that.
  [[nodiscard]] virtual KubeResult<void> watch_csrs(const std::string& signer_name, const WatchRequest& request,
                                                    const WatchHandler& handler, const std::stop_token& stop) = 0;

  [[nodiscard]] virtual KubeResult<CertificateSigningRequest> get_csr(const std::string& name) = 0;

  // Applies a JSON patch (RFC 6902) to the status subresource; see csr_status_patch.h.
  [[nodiscard]] virtual KubeResult<void> patch_csr_status(const std::string& name, const std::string& json_patch) = 0;

  // As patch_csr_status, to the approval subresource: see approval_patch().
  [[nodiscard]] virtual KubeResult<void> approve_csr(const std::string& name, const std::string& json_patch) = 0;

  // As list_csrs, for every namespace, but each is seen once: kGone when the pages expire, and what was seen is no list
  // then.
  [[nodiscard]] virtual KubeResult<std::string> list_namespaces(const std::function<void(JsonView)>& visit,
                                                                const std::stop_token& stop) = 0;

  // As watch_csrs, for every namespace.
  [[nodiscard]] virtual KubeResult<void> watch_namespaces(const WatchRequest& request, const WatchHandler& handler,
                                                          const std::stop_token& stop) = 0;

  [[nodiscard]] virtual KubeResult<Pod> get_pod(const std::string& name_space, const std::string& name) = 0;

  [[nodiscard]] virtual KubeResult<TlsSecret> get_tls_secret(const std::string& name_space,
                                                             const std::string& name) = 0;

  // The resourceVersion of a Secret, without what is in it.
  [[nodiscard]] virtual KubeResult<std::string> get_secret_version(const std::string& name_space,
                                                                   const std::string& name) = 0;

  // Puts other data in place of a Secret's, if its resourceVersion still is that of `secret`; kConflict if not.
  [[nodiscard]] virtual KubeResult<void> replace_tls_secret(const std::string& name_space, const std::string& name,
                                                            const TlsSecret& secret) = 0;

  // Creates a Secret of type kubernetes.io/tls. kConflict: there is one of that name, whatever is in it.
  [[nodiscard]] virtual KubeResult<void> create_tls_secret(const std::string& name_space, const std::string& name,
                                                           const TlsSecret& secret, DryRun dry_run) = 0;

  // Fails soon when there is no answer, as write_lease does: who waits for long has lost the lease.
  [[nodiscard]] virtual KubeResult<Lease> get_lease(const std::string& name_space, const std::string& name) = 0;

  // Creates the Lease if it has no resource_version (kConflict: there is one), else writes its spec if it is still of
  // that version (kConflict: it is not). Returns it as it is afterwards.
  [[nodiscard]] virtual KubeResult<Lease> write_lease(const std::string& name_space, const Lease& lease) = 0;

  // The user name the API server knows us by (SelfSubjectReview).
  [[nodiscard]] virtual KubeResult<std::string> who_am_i() = 0;

  // Whether we may do this (SelfSubjectAccessReview).
  [[nodiscard]] virtual KubeResult<bool> may_i(const AccessQuestion& question) = 0;

  // What we may do in the whole cluster, as far as the API server can enumerate it (SelfSubjectRulesReview): one answer
  // in place of may_i for each of thousands of signers. What these rules do not grant may_i may still.
  [[nodiscard]] virtual KubeResult<std::vector<AccessRule>> what_may_i() = 0;
};

}  // namespace signet
