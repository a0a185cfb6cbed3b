#include "signer/kube/kube_client.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "signer/kube/api_connection.h"
#include "signer/kube/base64.h"
#include "signer/kube/identity_source.h"
#include "signer/kube/json_writer.h"
#include "signer/kube/kube_error.h"
#include "signer/kube/token_source.h"
#include "signer/kube/watch_stream.h"

namespace signet {
namespace {

constexpr std::string_view kCsrPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
constexpr std::string_view kNamespacePath = "/api/v1/namespaces";
constexpr std::string_view kLeaseNamespacePath = "/apis/coordination.k8s.io/v1/namespaces";

// The API server's own default for lists in pages. A page that is larger than kMaxPageBytes is asked for again with
// fewer objects.
constexpr std::size_t kPageObjects = 500;
constexpr std::size_t kMaxPageBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxObjectBytes = std::size_t{12} << 20;
constexpr JsonLimits kPageLimits{
    .max_bytes = kMaxPageBytes, .max_depth = kMaxApiServerDepth, .max_values = 4'000'000, .relayed = true};
constexpr JsonLimits kObjectLimits{.max_bytes = kMaxObjectBytes, .max_depth = kMaxApiServerDepth, .relayed = true};
constexpr JsonLimits kSecretLimits{
    .max_bytes = kMaxObjectBytes, .max_depth = kMaxApiServerDepth, .relayed = true, .secret = true};
// How often a list of requests starts anew because its pages expired before they were read.
constexpr int kMaxListRestarts = 5;

// A Lease is renewed every second, and one lost connection must not lose it.
constexpr std::chrono::seconds kLeasePatience(1);

// What a watch may be silent beyond its own timeout.
constexpr std::chrono::seconds kWatchSlack(5);

constexpr int kUnauthorizedStatus = 401;

constexpr std::size_t kMaxIdleConnections = 16;
// Well before the API server closes an idle connection (90 s), which we would notice only in the next request.
constexpr std::chrono::seconds kMaxIdleTime(30);

tl::unexpected<KubeError> fail(KubeError::Kind kind, int http_status, std::string message) {
  return tl::unexpected(
      KubeError{.kind = kind, .http_status = http_status, .message = std::move(message), .retry_after = std::nullopt});
}

tl::unexpected<KubeError> bad_response(std::string message) {
  return fail(KubeError::Kind::kBadResponse, 200, std::move(message));
}

// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
std::string encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                               c == '.' || c == '_' || c == '~';
    if (is_unreserved) {
      out += c;
    } else {
      const auto code = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[code >> 4U];
      out += kHex[code & 0xFU];
    }
  }
  return out;
}

// A name as one segment of a path; nullopt for what would be another path.
std::optional<std::string> segment(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return std::nullopt;
  return encode(name);
}

std::string signer_selector(const std::string& signer_name) {
  return signer_name.empty() ? std::string() : "&fieldSelector=" + encode("spec.signerName=" + signer_name);
}

tl::unexpected<KubeError> not_a_name(const std::string& name) {
  return fail(KubeError::Kind::kInvalid, 0, "not a name: \"" + name + '"');
}

KubeResult<std::string> path_in_namespace(std::string_view namespaces, const std::string& name_space,
                                          std::string_view resource, const std::string& name) {
  const auto space_in_path = segment(name_space);
  const auto name_in_path = segment(name);
  if (!space_in_path || !name_in_path) {
    return fail(KubeError::Kind::kInvalid, 0, "not a namespace and a name: \"" + name_space + "\", \"" + name + '"');
  }
  return std::string(namespaces) + '/' + *space_in_path + '/' + std::string(resource) + '/' + *name_in_path;
}

void write_spec(JsonWriter& json, const Lease& lease) {
  const auto text = [&json](std::string_view key, const std::string& value) {
    json.key(key);
    if (value.empty()) {
      json.null();
    } else {
      json.string(value);
    }
  };
  const auto number = [&json](std::string_view key, const std::optional<std::int32_t>& value) {
    json.key(key);
    if (value) {
      json.integer(*value);
    } else {
      json.null();
    }
  };
  json.key("spec").begin_object();
  text("holderIdentity", lease.holder);
  number("leaseDurationSeconds", lease.duration_seconds);
  text("acquireTime", lease.acquire_time);
  text("renewTime", lease.renew_time);
  number("leaseTransitions", lease.transitions);
  json.end_object();
}

KubeResult<std::string> path_of(WebhookKind kind, const std::string& name) {
  const auto in_path = segment(name);
  if (!in_path) return not_a_name(name);
  const std::string_view resource =
      kind == WebhookKind::kValidating ? "validatingwebhookconfigurations" : "mutatingwebhookconfigurations";
  return "/apis/admissionregistration.k8s.io/v1/" + std::string(resource) + '/' + *in_path;
}

// Text in the order in which it is added, which is in one buffer alone and so can be wiped.
std::string joined_once(const std::vector<std::string>& parts) {
  std::size_t size = 0;
  for (const std::string& part : parts) size += part.size();
  std::string text;
  text.reserve(size);
  for (const std::string& part : parts) text += part;
  return text;
}

template <typename Object>
KubeResult<Object> decode(const std::string& body) {
  const auto document = JsonDocument::parse(body, kObjectLimits);
  if (!document) return bad_response(document.error());
  auto object = Object::decode(document->root());
  if (!object) return bad_response(object.error());
  return std::move(*object);
}

}  // namespace

// Connections and credentials: every request goes through here.
class HttpKubeClient::Transport {
 public:
  Transport(std::unique_ptr<IdentitySource> identities, const ClusterAccess& access)
      : identities_(std::move(identities)), token_(access.token, access.token_file) {}

  // The body of a 2xx answer; every other one is an error.
  KubeResult<std::string> call(const ApiRequest& request, const std::stop_token& stop = {}) {
    const IdentitySource::Current identity = identities_->current();
    std::unique_ptr<ApiConnection> connection = take_idle(identity.identity);
    auto body = call_on(*connection, request, {}, stop, identity.problem);
    if (body || body.error().http_status != 0) {
      give_back(std::move(connection), identity.identity);
    } else if (body.error().kind == KubeError::Kind::kTransport) {
      // What broke this one has broken those beside it.
      const std::lock_guard lock(mutex_);
      idle_.clear();
    }
    return body;
  }

  // One object.
  KubeResult<std::string> get(std::string path) {
    ApiRequest request;
    request.path = std::move(path);
    request.max_body_bytes = kMaxObjectBytes;
    return call(request);
  }

  [[nodiscard]] const ServerClock& server_clock() const { return server_clock_; }

  // See KubeApi::list_csrs; starts anew `restarts` times at most. `selector` is the rest of the query or empty.
  KubeResult<std::string> list(std::string_view collection, const std::string& selector, int restarts,
                               const std::function<void(JsonView)>& visit, const std::stop_token& stop);

  // See KubeApi::watch_csrs.
  KubeResult<void> watch(std::string_view collection, const std::string& selector, const WatchRequest& request,
                         const WatchHandler& handler, const std::stop_token& stop);

 private:
  using Clock = std::chrono::steady_clock;
  struct Idle {
    std::unique_ptr<ApiConnection> connection;
    Clock::time_point since;
    std::shared_ptr<const ClientIdentity> identity;
  };

  // `identity_problem` is told beside a failure, which it may be why of.
  KubeResult<std::string> call_on(ApiConnection& connection, const ApiRequest& request, const BodySink& sink,
                                  const std::stop_token& stop, const std::string& identity_problem) {
    const auto token = token_.current();
    if (!token) return fail(KubeError::Kind::kUnauthorized, 0, token.error());
    auto response = connection.exchange(request, *token, sink, stop);
    if (response && response->status == kUnauthorizedStatus) {
      // It may have been replaced meanwhile; asked once more, for whoever is refused again waits.
      if (const auto next = token_.instead_of(*token)) response = connection.exchange(request, *next, sink, stop);
    }
    if (!response) {
      const auto kind = response.error().too_large ? KubeError::Kind::kBadResponse : KubeError::Kind::kTransport;
      return fail(kind, 0,
                  response.error().message + (identity_problem.empty() ? "" : " (not read: " + identity_problem + ")"));
    }
    if (response->status >= 200 && response->status <= 299) return std::move(response->body);
    return tl::unexpected(kube_error_from_response(response->status, response->body, response->retry_after));
  }

  std::unique_ptr<ApiConnection> connect(const std::shared_ptr<const ClientIdentity>& identity) {
    return std::make_unique<ApiConnection>(
        identity, [this](const ApiResponse& head) { server_clock_.heard(head.date, ServerClock::Clock::now()); });
  }

  std::unique_ptr<ApiConnection> take_idle(const std::shared_ptr<const ClientIdentity>& identity) {
    const std::lock_guard lock(mutex_);
    const auto oldest = Clock::now() - kMaxIdleTime;
    // The last one is the one used last.
    while (!idle_.empty()) {
      Idle last = std::move(idle_.back());
      idle_.pop_back();
      // One that was made when another CA was trusted may be to a server that this one does not vouch for.
      if (last.since >= oldest && last.identity == identity) return std::move(last.connection);
    }
    return connect(identity);
  }

  void give_back(std::unique_ptr<ApiConnection> connection, std::shared_ptr<const ClientIdentity> identity) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMaxIdleConnections) idle_.push_back({std::move(connection), Clock::now(), std::move(identity)});
  }

  const std::unique_ptr<IdentitySource> identities_;
  TokenSource token_;
  ServerClock server_clock_;
  std::mutex mutex_;
  std::vector<Idle> idle_;  // guarded by mutex_
};

KubeResult<std::string> HttpKubeClient::Transport::list(std::string_view collection, const std::string& selector,
                                                        int restarts, const std::function<void(JsonView)>& visit,
                                                        const std::stop_token& stop) {
  std::size_t objects = kPageObjects;
  std::string next_page;
  // What is too much together may do one by one: nobody's objects keep the others from being listed.
  const auto ask_for_fewer = [&objects] {
    const bool can = objects > 1;
    objects = std::max<std::size_t>(objects / 8, 1);
    return can;
  };
  for (;;) {
    ApiRequest request;
    request.path = std::string(collection) + "?limit=" + std::to_string(objects) + selector;
    if (!next_page.empty()) request.path += "&continue=" + encode(next_page);
    request.max_body_bytes = kMaxPageBytes;

    const auto body = call(request, stop);
    if (!body) {
      const bool is_too_large = body.error().kind == KubeError::Kind::kBadResponse && body.error().http_status == 0;
      if (is_too_large && ask_for_fewer()) continue;
      if (body.error().kind == KubeError::Kind::kGone && !next_page.empty() && restarts-- > 0) {
        next_page.clear();
        continue;
      }
      return tl::unexpected(body.error());
    }
    const auto page = JsonDocument::parse(*body, kPageLimits);
    if (!page && ask_for_fewer()) continue;
    if (!page) return bad_response("the list is not JSON we take: " + page.error());
    const JsonView root = page->root();
    const auto version = root.at("metadata", "resourceVersion").as_string();
    if (!version || version->empty() || !(root.get("items").is_array() || root.get("items").is_absent_or_null())) {
      return bad_response("the list has no metadata.resourceVersion, or items that are no list");
    }
    for (const JsonView item : root.get("items").elements()) visit(item);
    next_page = root.at("metadata", "continue").as_string().value_or("");
    if (next_page.empty()) return std::string(*version);
  }
}

KubeResult<void> HttpKubeClient::Transport::watch(std::string_view collection, const std::string& selector,
                                                  const WatchRequest& request, const WatchHandler& handler,
                                                  const std::stop_token& stop) {
  ApiRequest watch;
  watch.path = std::string(collection) +
               "?watch=true&allowWatchBookmarks=true&resourceVersion=" + encode(request.resource_version) +
               "&timeoutSeconds=" + std::to_string(request.timeout.count()) + selector;
  watch.read_timeout = request.timeout + kWatchSlack;
  watch.total_timeout = request.timeout + kWatchSlack;

  WatchStream stream(handler);
  const IdentitySource::Current identity = identities_->current();
  const auto connection = connect(identity.identity);
  const auto end = call_on(
      *connection, watch, [&stream](std::string_view bytes) { return stream.feed(bytes); }, stop, identity.problem);
  if (stream.error()) return tl::unexpected(*stream.error());
  if (!end && !stop.stop_requested()) return tl::unexpected(end.error());
  return {};
}

HttpKubeClient::HttpKubeClient(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
HttpKubeClient::~HttpKubeClient() = default;

const ServerClock& HttpKubeClient::server_clock() const { return transport_->server_clock(); }

tl::expected<std::unique_ptr<HttpKubeClient>, std::string> HttpKubeClient::create(const ClusterAccess& access) {
  auto identities = IdentitySource::create(access);
  if (!identities) return tl::unexpected(identities.error());
  return std::make_unique<HttpKubeClient>(std::make_unique<Transport>(*std::move(identities), access));
}

KubeResult<std::string> HttpKubeClient::list_csrs(const std::string& signer_name,
                                                  const std::function<void(JsonView)>& visit,
                                                  const std::stop_token& stop) {
  return transport_->list(kCsrPath, signer_selector(signer_name), kMaxListRestarts, visit, stop);
}

KubeResult<void> HttpKubeClient::watch_csrs(const std::string& signer_name, const WatchRequest& request,
                                            const WatchHandler& handler, const std::stop_token& stop) {
  return transport_->watch(kCsrPath, signer_selector(signer_name), request, handler, stop);
}

KubeResult<CertificateSigningRequest> HttpKubeClient::get_csr(const std::string& name) {
  const auto in_path = segment(name);
  if (!in_path) return not_a_name(name);
  return transport_->get(std::string(kCsrPath) + '/' + *in_path).and_then(decode<CertificateSigningRequest>);
}

KubeResult<void> HttpKubeClient::patch_csr(const std::string& name, std::string_view subresource,
                                           const std::string& json_patch) {
  const auto in_path = segment(name);
  if (!in_path) return not_a_name(name);
  ApiRequest request;
  request.method = "PATCH";
  request.path = std::string(kCsrPath) + '/' + *in_path + '/' + std::string(subresource) + "?fieldManager=signet";
  request.body = json_patch;
  request.content_type = "application/json-patch+json";
  request.max_body_bytes = kMaxObjectBytes;
  const auto answer = transport_->call(request);
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

KubeResult<void> HttpKubeClient::patch_csr_status(const std::string& name, const std::string& json_patch) {
  return patch_csr(name, "status", json_patch);
}

KubeResult<void> HttpKubeClient::approve_csr(const std::string& name, const std::string& json_patch) {
  return patch_csr(name, "approval", json_patch);
}

KubeResult<std::string> HttpKubeClient::list_namespaces(const std::function<void(JsonView)>& visit,
                                                        const std::stop_token& stop) {
  return transport_->list(kNamespacePath, {}, 0, visit, stop);
}

KubeResult<void> HttpKubeClient::watch_namespaces(const WatchRequest& request, const WatchHandler& handler,
                                                  const std::stop_token& stop) {
  return transport_->watch(kNamespacePath, {}, request, handler, stop);
}

KubeResult<Pod> HttpKubeClient::get_pod(const std::string& name_space, const std::string& name) {
  const auto path = path_in_namespace(kNamespacePath, name_space, "pods", name);
  if (!path) return tl::unexpected(path.error());
  return transport_->get(*path).and_then(decode<Pod>);
}

KubeResult<JsonDocument> HttpKubeClient::secret_document(const std::string& name_space, const std::string& name) {
  const auto path = path_in_namespace(kNamespacePath, name_space, "secrets", name);
  if (!path) return tl::unexpected(path.error());
  auto body = transport_->get(*path);
  if (!body) return tl::unexpected(body.error());
  auto document = JsonDocument::parse(*body, kSecretLimits);
  wipe_secret(*body);
  if (!document) return bad_response(document.error());
  return std::move(*document);
}

KubeResult<TlsSecret> HttpKubeClient::get_tls_secret(const std::string& name_space, const std::string& name) {
  const auto document = secret_document(name_space, name);
  if (!document) return tl::unexpected(document.error());
  const JsonView root = document->root();
  const std::string place = "Secret " + name_space + '/' + name;
  if (root.get("type").as_string() != "kubernetes.io/tls")
    return bad_response(place + " is not of type kubernetes.io/tls");

  TlsSecret secret;
  secret.resource_version = root.at("metadata", "resourceVersion").as_string().value_or("");
  const std::pair<const char*, std::string*> fields[] = {
      {"tls.crt", &secret.tls_crt}, {"tls.key", &secret.tls_key}, {"ca.crt", &secret.ca_crt}};
  for (const auto& [key, out] : fields) {
    const JsonView value = root.at("data", key);
    if (value.is_absent_or_null()) continue;
    auto bytes = base64_decode(value.as_string().value_or("?"));
    if (!bytes) return bad_response(place + ": data[\"" + key + "\"] is not base64");
    *out = std::move(*bytes);
  }
  if (secret.tls_crt.empty() || secret.tls_key.empty()) return bad_response(place + " has no tls.crt or no tls.key");
  return secret;
}

KubeResult<std::string> HttpKubeClient::get_secret_version(const std::string& name_space, const std::string& name) {
  ApiRequest request;
  auto path = path_in_namespace(kNamespacePath, name_space, "secrets", name);
  if (!path) return tl::unexpected(path.error());
  // https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches: the key stays where it is. From
  // the API server's cache: who sees an old version reads the new one when it has come.
  request.path = *std::move(path) + "?resourceVersion=0";
  request.accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
  request.max_body_bytes = kMaxObjectBytes;
  const auto body = transport_->call(request);
  if (!body) return tl::unexpected(body.error());
  const auto document = JsonDocument::parse(*body, kObjectLimits);
  if (!document) return bad_response(document.error());
  const auto version = document->root().at("metadata", "resourceVersion").as_string();
  if (!version || version->empty()) return bad_response("the Secret's metadata has no resourceVersion");
  return std::string(*version);
}

KubeResult<void> HttpKubeClient::send_and_wipe(ApiRequest request, std::vector<std::string> parts) {
  request.body = joined_once(parts);
  auto body = transport_->call(request);
  for (std::string& part : parts) wipe_secret(part);
  wipe_secret(request.body);
  if (!body) return tl::unexpected(body.error());
  wipe_secret(*body);
  return {};
}

KubeResult<void> HttpKubeClient::send_secret(ApiRequest request, std::string_view head, const TlsSecret& secret) {
  request.content_type = "application/json";
  // One by one, for a list in braces would be copied, and its copies not wiped.
  std::vector<std::string> parts = {std::string(head)};
  for (const auto& [before, value] : {std::pair<const char*, const std::string*>{
                                          R"(,"type":"kubernetes.io/tls","data":{"tls.crt":")", &secret.tls_crt},
                                      {R"(","ca.crt":")", &secret.ca_crt},
                                      {R"(","tls.key":")", &secret.tls_key}}) {
    parts.emplace_back(before);
    parts.push_back(base64_encode(*value));
  }
  parts.emplace_back(R"("}})");
  return send_and_wipe(std::move(request), std::move(parts));
}

KubeResult<void> HttpKubeClient::create_tls_secret(const std::string& name_space, const std::string& name,
                                                   const TlsSecret& secret, DryRun dry_run) {
  const auto space_in_path = segment(name_space);
  if (!space_in_path) return fail(KubeError::Kind::kInvalid, 0, "not a namespace: \"" + name_space + '"');
  JsonWriter json;
  json.begin_object().key("apiVersion").string("v1").key("kind").string("Secret");
  json.key("metadata").begin_object().key("name").string(name);
  json.key("labels").begin_object().key("app.kubernetes.io/managed-by").string("signet").end_object().end_object();
  ApiRequest request;
  request.method = "POST";
  request.path = std::string(kNamespacePath) + '/' + *space_in_path + "/secrets?fieldManager=signet" +
                 (dry_run == DryRun::kYes ? "&dryRun=All" : "");
  return send_secret(std::move(request), json.text(), secret);
}

KubeResult<void> HttpKubeClient::replace_tls_secret(const std::string& name_space, const std::string& name,
                                                    const TlsSecret& secret) {
  auto path = path_in_namespace(kNamespacePath, name_space, "secrets", name);
  if (!path) return tl::unexpected(path.error());
  JsonWriter json;
  json.begin_object().key("apiVersion").string("v1").key("kind").string("Secret");
  json.key("metadata").begin_object().key("name").string(name);
  json.key("resourceVersion").string(secret.resource_version);
  json.key("labels").begin_object().key("app.kubernetes.io/managed-by").string("signet").end_object().end_object();
  ApiRequest request;
  request.method = "PUT";
  request.path = *std::move(path) + "?fieldManager=signet";
  return send_secret(std::move(request), json.text(), secret);
}

KubeResult<Lease> HttpKubeClient::get_lease(const std::string& name_space, const std::string& name) {
  const auto path = path_in_namespace(kLeaseNamespacePath, name_space, "leases", name);
  if (!path) return tl::unexpected(path.error());
  ApiRequest request;
  request.path = *path;
  request.read_timeout = kLeasePatience;
  return transport_->call(request).and_then(decode<Lease>);
}

KubeResult<Lease> HttpKubeClient::write_lease(const std::string& name_space, const Lease& lease) {
  const auto path = path_in_namespace(kLeaseNamespacePath, name_space, "leases", lease.name);
  if (!path) return tl::unexpected(path.error());
  const bool is_new = lease.resource_version.empty();
  JsonWriter json;
  json.begin_object();
  if (is_new) {
    json.key("apiVersion").string("coordination.k8s.io/v1").key("kind").string("Lease");
    json.key("metadata").begin_object().key("name").string(lease.name).end_object();
  } else {
    json.key("metadata").begin_object().key("resourceVersion").string(lease.resource_version).end_object();
  }
  write_spec(json, lease);
  json.end_object();

  ApiRequest request;
  request.method = is_new ? "POST" : "PATCH";
  request.path = (is_new ? path->substr(0, path->rfind('/')) : *path) + "?fieldManager=signet";
  request.content_type = is_new ? "application/json" : "application/merge-patch+json";
  request.body = json.take();
  request.read_timeout = kLeasePatience;
  return transport_->call(request).and_then(decode<Lease>);
}

KubeResult<std::string> HttpKubeClient::who_am_i() {
  ApiRequest request;
  request.method = "POST";
  request.path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  request.content_type = "application/json";
  request.body = R"({"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"})";
  const auto body = transport_->call(request);
  if (!body) return tl::unexpected(body.error());
  const auto review = JsonDocument::parse(*body);
  if (!review) return bad_response(review.error());
  const auto user = review->root().at("status", "userInfo", "username").as_string();
  if (!user) return bad_response("the SelfSubjectReview has no status.userInfo.username");
  return std::string(*user);
}

KubeResult<bool> HttpKubeClient::may_i(const AccessQuestion& question) {
  JsonWriter json;
  json.begin_object().key("apiVersion").string("authorization.k8s.io/v1").key("kind").string("SelfSubjectAccessReview");
  json.key("spec").begin_object().key("resourceAttributes").begin_object();
  const std::pair<const char*, const std::string&> attributes[] = {{"verb", question.verb},
                                                                   {"group", question.group},
                                                                   {"resource", question.resource},
                                                                   {"subresource", question.subresource},
                                                                   {"namespace", question.name_space},
                                                                   {"name", question.name}};
  for (const auto& [key, value] : attributes) {
    if (!value.empty()) json.key(key).string(value);
  }
  json.end_object().end_object().end_object();

  ApiRequest request;
  request.method = "POST";
  request.path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  request.content_type = "application/json";
  request.body = json.take();
  const auto body = transport_->call(request);
  if (!body) return tl::unexpected(body.error());
  const auto review = JsonDocument::parse(*body);
  if (!review) return bad_response(review.error());
  const auto allowed = review->root().at("status", "allowed").as_bool();
  if (!allowed) return bad_response("the SelfSubjectAccessReview has no status.allowed");
  return *allowed;
}

KubeResult<std::vector<AccessRule>> HttpKubeClient::what_may_i() {
  // Rules are told for a namespace. In one that nobody can have made, as its name is none, nothing is granted but what
  // is in the whole cluster.
  ApiRequest request;
  request.method = "POST";
  request.path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  request.content_type = "application/json";
  request.body =
      R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"no/namespace"}})";
  const auto body = transport_->call(request);
  if (!body) return tl::unexpected(body.error());
  const auto review = JsonDocument::parse(*body, kObjectLimits);
  if (!review) return bad_response(review.error());
  std::vector<AccessRule> rules;
  for (const JsonView from : review->root().at("status", "resourceRules").elements()) {
    const auto texts = [&from](std::string_view key) {
      std::vector<std::string> found;
      for (const JsonView text : from.get(key).elements()) found.emplace_back(text.as_string().value_or(""));
      return found;
    };
    const std::vector<std::string> names = texts("resourceNames");
    rules.push_back({.verbs = texts("verbs"),
                     .groups = texts("apiGroups"),
                     .resources = texts("resources"),
                     .names = {names.begin(), names.end()}});
  }
  return rules;
}

KubeResult<SecretData> HttpKubeClient::get_secret(const std::string& name_space, const std::string& name) {
  const auto document = secret_document(name_space, name);
  if (!document) return tl::unexpected(document.error());
  const JsonView root = document->root();
  SecretData data;
  data.resource_version = root.at("metadata", "resourceVersion").as_string().value_or("");
  if (data.resource_version.empty()) return bad_response("the Secret has no metadata.resourceVersion");
  for (const auto& [key, value] : root.get("data").members()) {
    auto bytes = base64_decode(value.as_string().value_or("?"));
    if (!bytes) return bad_response("Secret " + name_space + '/' + name + ": a value of data is not base64");
    data.values.insert_or_assign(std::string(key), *std::move(bytes));
  }
  return data;
}

KubeResult<void> HttpKubeClient::write_secret(const std::string& name_space, const std::string& name,
                                              const SecretData& data) {
  const auto path = path_in_namespace(kNamespacePath, name_space, "secrets", name);
  if (!path) return tl::unexpected(path.error());
  const bool is_new = data.resource_version.empty();
  JsonWriter json;
  json.begin_object();
  if (is_new) json.key("apiVersion").string("v1").key("kind").string("Secret").key("type").string("Opaque");
  json.key("metadata").begin_object().key(is_new ? "name" : "resourceVersion");
  json.string(is_new ? name : data.resource_version);
  if (is_new) json.key("labels").begin_object().key("app.kubernetes.io/managed-by").string("signet").end_object();
  json.end_object().key("data").begin_object();

  std::vector<std::string> parts = {json.take()};
  for (const auto& [key, value] : data.values) {
    std::string quoted;
    append_json_string(quoted, key);
    parts.push_back((parts.size() > 1 ? "\"," : "") + quoted + ":\"");
    parts.push_back(base64_encode(value));
  }
  parts.emplace_back(data.values.empty() ? "}}" : "\"}}");
  ApiRequest request;
  request.method = is_new ? "POST" : "PATCH";
  request.path = (is_new ? path->substr(0, path->rfind('/')) : *path) + "?fieldManager=signet";
  request.content_type = is_new ? "application/json" : "application/merge-patch+json";
  return send_and_wipe(std::move(request), std::move(parts));
}

KubeResult<WebhookClients> HttpKubeClient::get_webhooks(WebhookKind kind, const std::string& name) {
  const auto path = path_of(kind, name);
  if (!path) return tl::unexpected(path.error());
  const auto body = transport_->get(*path);
  if (!body) return tl::unexpected(body.error());
  const auto document = JsonDocument::parse(*body, kObjectLimits);
  if (!document) return bad_response(document.error());
  WebhookClients clients;
  clients.resource_version = document->root().at("metadata", "resourceVersion").as_string().value_or("");
  if (clients.resource_version.empty()) return bad_response("the configuration has no metadata.resourceVersion");
  for (const JsonView webhook : document->root().get("webhooks").elements()) {
    const JsonView config = webhook.get("clientConfig");
    const auto text = [](JsonView view) { return std::string(view.as_string().value_or("")); };
    auto ca_bundle = base64_decode(config.get("caBundle").as_string().value_or(""));
    if (!ca_bundle) return bad_response("a caBundle of the configuration is not base64");
    clients.webhooks.push_back({.name = text(webhook.get("name")),
                                .url = text(config.get("url")),
                                .service_namespace = text(config.at("service", "namespace")),
                                .service_name = text(config.at("service", "name")),
                                .ca_bundle = *std::move(ca_bundle)});
  }
  return clients;
}

KubeResult<void> HttpKubeClient::set_ca_bundle(WebhookKind kind, const std::string& name,
                                               const std::string& resource_version,
                                               const std::vector<std::string>& webhooks, const std::string& ca_bundle) {
  const auto path = path_of(kind, name);
  if (!path) return tl::unexpected(path.error());
  // The list is merged by name (https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy): what
  // else is in an entry, and the other entries, stay.
  JsonWriter json;
  json.begin_object().key("metadata").begin_object().key("resourceVersion").string(resource_version).end_object();
  json.key("webhooks").begin_array();
  for (const std::string& webhook : webhooks) {
    json.begin_object().key("name").string(webhook).key("clientConfig").begin_object();
    json.key("caBundle").string(base64_encode(ca_bundle)).end_object().end_object();
  }
  json.end_array().end_object();
  ApiRequest request;
  request.method = "PATCH";
  request.path = *path + "?fieldManager=signet";
  request.content_type = "application/strategic-merge-patch+json";
  request.body = json.take();
  request.max_body_bytes = kMaxObjectBytes;
  const auto body = transport_->call(request);
  if (!body) return tl::unexpected(body.error());
  return {};
}

}  // namespace signet
