#include "test/unit/issue/fake_kube_api.h"

#include <catch2/catch.hpp>
#include <condition_variable>

#include "signer/kube/base64.h"
#include "signer/kube/json_writer.h"

namespace signet::test {
namespace {

// The object as a list or a watch would show it, as far as it is read.
JsonDocument document_of(const CertificateSigningRequest& csr) {
  JsonWriter json;
  json.begin_object().key("metadata").begin_object();
  json.key("name").string(csr.name).key("uid").string(csr.uid).key("resourceVersion").string(csr.resource_version);
  json.end_object().key("spec").begin_object();
  json.key("request").string(base64_encode(csr.spec.request)).key("signerName").string(csr.spec.signer_name);
  json.key("username").string(csr.spec.username);
  json.key("expirationSeconds").integer(csr.spec.expiration_seconds.value_or(86400));
  json.key("usages").begin_array();
  for (const std::string& usage : csr.spec.usages) json.string(usage);
  json.end_array().key("groups").begin_array();
  for (const std::string& group : csr.spec.groups) json.string(group);
  json.end_array().key("extra").begin_object();
  for (const auto& [key, values] : csr.spec.extra) {
    json.key(key).begin_array();
    for (const std::string& value : values) json.string(value);
    json.end_array();
  }
  json.end_object().end_object().key("status").begin_object();
  json.key("certificate").string(base64_encode(csr.status.certificate)).key("conditions").begin_array();
  for (const CsrCondition& condition : csr.status.conditions) {
    json.begin_object().key("type").string(condition.type).key("status").string(condition.status).end_object();
  }
  json.end_array().end_object().end_object();
  auto document = JsonDocument::parse(json.text());
  if (!document) throw std::logic_error(document.error());
  return std::move(*document);
}

// Silent until it is stopped: what the tests need of a watch comes with the list.
KubeResult<void> silent_watch(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
  return {};
}

}  // namespace

void FakeKubeApi::put(const CertificateSigningRequest& csr) {
  const std::lock_guard lock(mutex_);
  stored_[csr.name] = csr;
}

void FakeKubeApi::erase(const std::string& name) {
  const std::lock_guard lock(mutex_);
  stored_.erase(name);
}

std::optional<CertificateSigningRequest> FakeKubeApi::stored(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = stored_.find(name);
  return found == stored_.end() ? std::nullopt : std::optional(found->second);
}

void FakeKubeApi::touch(const std::string& name, const std::function<void(CertificateSigningRequest&)>& change) {
  const std::lock_guard lock(mutex_);
  change(stored_.at(name));
  stored_.at(name).resource_version = std::to_string(next_version_++);
}

int FakeKubeApi::patch_count() const {
  const std::lock_guard lock(mutex_);
  return patch_count_;
}

template <typename Call>
auto FakeKubeApi::with_mishap(std::deque<Mishap>& mishaps, const Call& call) -> decltype(call()) {
  const std::lock_guard lock(mutex_);
  if (mishaps.empty()) return call();
  const Mishap mishap = mishaps.front();
  mishaps.pop_front();
  if (mishap.then) mishap.then();
  if (mishap.before) return tl::unexpected(*mishap.before);
  auto result = call();
  if (mishap.after) return tl::unexpected(*mishap.after);
  return result;
}

KubeResult<CertificateSigningRequest> FakeKubeApi::get_csr(const std::string& name) {
  return with_mishap(gets, [&]() -> KubeResult<CertificateSigningRequest> {
    const auto found = stored_.find(name);
    if (found == stored_.end()) return tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found"));
    return found->second;
  });
}

KubeResult<void> FakeKubeApi::patch_csr_status(const std::string& name, const std::string& json_patch) {
  return with_mishap(patches, [&] {
    ++patch_count_;
    return patch(name, json_patch);
  });
}

KubeResult<void> FakeKubeApi::approve_csr(const std::string& name, const std::string& json_patch) {
  return with_mishap(approvals, [&] { return patch(name, json_patch); });
}

KubeResult<void> FakeKubeApi::patch(const std::string& name, const std::string& json_patch) {
  const auto found = stored_.find(name);
  if (found == stored_.end()) return tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found"));
  CertificateSigningRequest& csr = found->second;
  const auto patch = JsonDocument::parse(json_patch);
  if (!patch) return tl::unexpected(kube_error(KubeError::Kind::kInvalid, patch.error()));
  const auto value = [&](std::string_view path) {
    JsonView last;
    for (const JsonView operation : patch->root().elements()) {
      if (operation.get("path").as_string() == path) last = operation.get("value");
    }
    return last;
  };
  if (value("/metadata/uid").as_string() != csr.uid ||
      value("/metadata/resourceVersion").as_string() != csr.resource_version) {
    return tl::unexpected(kube_error(KubeError::Kind::kConflict, "the object has been modified"));
  }
  if (const auto certificate = value("/status/certificate").as_string()) {
    csr.status.certificate = base64_decode(*certificate).value();
  }
  if (const JsonView conditions = value("/status/conditions"); conditions.exists()) {
    csr.status.conditions.clear();
    for (const JsonView condition : conditions.elements()) {
      const auto text = [&](std::string_view key) { return std::string(condition.get(key).as_string().value_or("")); };
      csr.status.conditions.push_back({text("type"), text("status"), text("reason"), text("message"),
                                       text("lastUpdateTime"), text("lastTransitionTime")});
    }
  }
  csr.resource_version = std::to_string(next_version_++);
  return {};
}

KubeResult<std::string> FakeKubeApi::list_csrs(const std::string& signer_name,
                                               const std::function<void(JsonView)>& visit,
                                               const std::stop_token& /*stop*/) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, csr] : stored_) {
    if (signer_name.empty() || csr.spec.signer_name == signer_name) visit(document_of(csr).root());
  }
  return "1";
}

KubeResult<void> FakeKubeApi::watch_csrs(const std::string& /*signer_name*/, const WatchRequest& /*request*/,
                                         const WatchHandler& /*handler*/, const std::stop_token& stop) {
  return silent_watch(stop);
}

KubeResult<std::string> FakeKubeApi::list_namespaces(const std::function<void(JsonView)>& /*visit*/,
                                                     const std::stop_token& /*stop*/) {
  return "1";
}

KubeResult<void> FakeKubeApi::watch_namespaces(const WatchRequest& /*request*/, const WatchHandler& /*handler*/,
                                               const std::stop_token& stop) {
  return silent_watch(stop);
}

KubeResult<Pod> FakeKubeApi::get_pod(const std::string& name_space, const std::string& name) {
  const auto found = pods.find(name_space + "/" + name);
  if (found == pods.end()) return tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found"));
  return found->second;
}

KubeResult<TlsSecret> FakeKubeApi::get_tls_secret(const std::string& name_space, const std::string& name) {
  const auto found = secrets.find(name_space + "/" + name);
  if (found == secrets.end()) return tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found"));
  return found->second;
}

KubeResult<std::string> FakeKubeApi::get_secret_version(const std::string& name_space, const std::string& name) {
  return get_tls_secret(name_space, name).map([](const TlsSecret& secret) { return secret.resource_version; });
}

KubeResult<void> FakeKubeApi::replace_tls_secret(const std::string& name_space, const std::string& name,
                                                 const TlsSecret& secret) {
  const auto found = secrets.find(name_space + "/" + name);
  if (found == secrets.end()) return tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found"));
  if (found->second->resource_version != secret.resource_version) {
    return tl::unexpected(kube_error(KubeError::Kind::kConflict, "the object has been modified"));
  }
  found->second = secret;
  found->second->resource_version = std::to_string(next_version_++);
  return {};
}

KubeResult<void> FakeKubeApi::create_tls_secret(const std::string& name_space, const std::string& name,
                                                const TlsSecret& secret, DryRun dry_run) {
  if (refuse_secret) {
    if (auto error = refuse_secret(name, dry_run)) return tl::unexpected(*std::move(error));
  }
  const std::string key = name_space + "/" + name;
  if (secrets.contains(key)) return tl::unexpected(kube_error(KubeError::Kind::kConflict, "it already exists"));
  if (dry_run == DryRun::kNo) {
    secrets.emplace(key, secret);
    secrets.at(key)->resource_version = std::to_string(next_version_++);
  }
  return {};
}

KubeResult<Lease> FakeKubeApi::get_lease(const std::string& /*name_space*/, const std::string& /*name*/) {
  return tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found"));
}

KubeResult<Lease> FakeKubeApi::write_lease(const std::string& /*name_space*/, const Lease& /*lease*/) {
  return tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found"));
}

KubeResult<std::string> FakeKubeApi::who_am_i() { return "signet"; }

KubeResult<bool> FakeKubeApi::may_i(const AccessQuestion& question) {
  return answer_may_i ? answer_may_i(question) : true;
}

}  // namespace signet::test
