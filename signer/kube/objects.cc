#include "signer/kube/objects.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "signer/kube/base64.h"

namespace signet {
namespace {

// Reads the fields of one JSON object into C++ and keeps the first error of them all, with its path. The path is put
// together only then.
class FieldReader {
 public:
  FieldReader(JsonView object, std::string_view path, std::string& error)
      : object_(object), path_(path), error_(error) {
    if (!object_.is_absent_or_null() && !object_.is_object())
      error_ = error_.empty() ? (path_.empty() ? "the object" : path_) + ": must be an object" : error_;
  }

  [[nodiscard]] FieldReader object(std::string_view key) const { return {object_.get(key), path_of(key), error_}; }

  // `out` is a text, or one that may be absent.
  template <typename Text>
  void string(std::string_view key, Text& out) const {
    const JsonView field = object_.get(key);
    if (field.is_absent_or_null()) return;
    if (const auto text = field.as_string()) {
      out = *text;
    } else {
      refuse(key, "must be a string");
    }
  }

  // A text that is never empty where the API server stored the object.
  void needed_string(std::string_view key, std::string& out) const {
    string(key, out);
    if (out.empty()) refuse(key, "must not be empty");
  }

  void base64(std::string_view key, std::string& out) const {
    const JsonView field = object_.get(key);
    if (field.is_absent_or_null()) return;
    const auto text = field.as_string();
    if (!text) return refuse(key, "must be a string");
    auto bytes = base64_decode(*text);
    if (!bytes) return refuse(key, bytes.error());
    out = std::move(*bytes);
  }

  void int32(std::string_view key, std::optional<std::int32_t>& out) const {
    const JsonView field = object_.get(key);
    if (field.is_absent_or_null()) return;
    const auto number = field.as_int64();
    using Limits = std::numeric_limits<std::int32_t>;
    if (!number || *number < Limits::min() || *number > Limits::max()) return refuse(key, "must be a 32-bit integer");
    out = static_cast<std::int32_t>(*number);
  }

  void boolean(std::string_view key, bool& out) const {
    const JsonView field = object_.get(key);
    if (field.is_absent_or_null()) return;
    const auto value = field.as_bool();
    if (!value) return refuse(key, "must be true or false");
    out = *value;
  }

  void strings(std::string_view key, std::vector<std::string>& out) const { strings(key, object_.get(key), out); }

  void string_map(std::string_view key, StringMap& out) const {
    for (const auto& [name, value] : map(key).members()) {
      const auto text = value.as_string();
      if (!text) return refuse(entry(key, name), "must be a string");
      out.emplace(name, *text);
    }
  }

  void strings_map(std::string_view key, std::map<std::string, std::vector<std::string>>& out) const {
    for (const auto& [name, value] : map(key).members()) {
      const auto [place, is_new] = out.try_emplace(std::string(name));
      if (is_new) strings(entry(key, name), value, place->second);
    }
  }

  // Calls `read` with a reader for each element.
  template <typename Read>
  void objects(std::string_view key, Read read) const {
    std::size_t index = 0;
    for (const JsonView element : array(key, object_.get(key)).elements()) {
      const std::string place = std::string(key) + '[' + std::to_string(index++) + ']';
      if (!element.is_object()) return refuse(place, "must be an object");
      read(FieldReader(element, path_of(place), error_));
    }
  }

 private:
  [[nodiscard]] std::string path_of(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + '.' + std::string(key);
  }

  void refuse(std::string_view key, std::string_view rule) const {
    if (error_.empty()) error_ = path_of(key) + ": " + std::string(rule);
  }

  [[nodiscard]] static std::string entry(std::string_view key, std::string_view name) {
    return std::string(key) + "[\"" + std::string(name) + "\"]";
  }

  void strings(std::string_view key, JsonView field, std::vector<std::string>& out) const {
    const JsonView list = array(key, field);
    out.reserve(list.size());
    for (const JsonView element : list.elements()) {
      const auto text = element.as_string();
      if (!text) return refuse(std::string(key) + '[' + std::to_string(out.size()) + ']', "must be a string");
      out.emplace_back(*text);
    }
  }

  [[nodiscard]] JsonView map(std::string_view key) const {
    const JsonView field = object_.get(key);
    if (!field.is_absent_or_null() && !field.is_object()) refuse(key, "must be an object");
    return field;
  }

  [[nodiscard]] JsonView array(std::string_view key, JsonView field) const {
    if (!field.is_absent_or_null() && !field.is_array()) refuse(key, "must be a list");
    return field.is_array() ? field : JsonView();
  }

  JsonView object_;
  std::string path_;
  std::string& error_;
};

}  // namespace

tl::expected<CertificateSigningRequest, std::string> CertificateSigningRequest::decode(JsonView object,
                                                                                       std::string_view path) {
  if (!object.is_object()) {
    return tl::unexpected((path.empty() ? std::string("the object") : std::string(path)) + ": must be an object");
  }
  CertificateSigningRequest csr;
  std::string error;
  const FieldReader root(object, path, error);

  const FieldReader metadata = root.object("metadata");
  metadata.string("name", csr.name);
  metadata.string("generateName", csr.generate_name);
  metadata.string("uid", csr.uid);
  metadata.string("resourceVersion", csr.resource_version);
  metadata.string_map("annotations", csr.annotations);
  metadata.string_map("labels", csr.labels);

  const FieldReader spec = root.object("spec");
  spec.base64("request", csr.spec.request);
  spec.string("signerName", csr.spec.signer_name);
  spec.strings("usages", csr.spec.usages);
  spec.int32("expirationSeconds", csr.spec.expiration_seconds);
  spec.string("username", csr.spec.username);
  spec.string("uid", csr.spec.uid);
  spec.strings("groups", csr.spec.groups);
  spec.strings_map("extra", csr.spec.extra);

  const FieldReader status = root.object("status");
  status.objects("conditions", [&csr](const FieldReader& fields) {
    CsrCondition& condition = csr.status.conditions.emplace_back();
    fields.string("type", condition.type);
    fields.string("status", condition.status);
    fields.string("reason", condition.reason);
    fields.string("message", condition.message);
    fields.string("lastUpdateTime", condition.last_update_time);
    fields.string("lastTransitionTime", condition.last_transition_time);
  });
  status.base64("certificate", csr.status.certificate);

  if (!error.empty()) return tl::unexpected(std::move(error));
  return csr;
}

std::string CertificateRequest::Issuer::signer_name(std::string_view ns) const {
  return kind == "ClusterIssuer" ? "clusterissuers." + group + "/" + name
                                 : "issuers." + group + "/" + std::string(ns) + "." + name;
}

tl::expected<CertificateRequest::Issuer, std::string> CertificateRequest::Issuer::decode(JsonView object) {
  Issuer issuer;
  std::string error;
  const FieldReader fields = FieldReader(object, "", error).object("spec").object("issuerRef");
  std::string group;
  fields.string("group", group);
  fields.string("kind", issuer.kind);
  fields.string("name", issuer.name);
  if (!error.empty()) return tl::unexpected(std::move(error));
  if (!group.empty()) issuer.group = std::move(group);
  return issuer;
}

tl::expected<CertificateRequest, std::string> CertificateRequest::decode(JsonView object) {
  CertificateRequest request;
  std::string error;
  const FieldReader root(object, "", error);
  const FieldReader metadata = root.object("metadata");
  metadata.string("name", request.name);
  metadata.string("uid", request.uid);
  const FieldReader spec = root.object("spec");
  spec.base64("request", request.request);
  spec.string("duration", request.duration);
  spec.strings("usages", request.usages);
  spec.boolean("isCA", request.is_ca);
  if (!error.empty()) return tl::unexpected(std::move(error));
  return request;
}

tl::expected<Namespace, std::string> Namespace::decode(JsonView object) {
  Namespace ns;
  std::string error;
  const FieldReader metadata = FieldReader(object, "", error).object("metadata");
  metadata.needed_string("name", ns.name);
  metadata.string_map("labels", ns.labels);
  if (!error.empty()) return tl::unexpected(std::move(error));
  return ns;
}

tl::expected<Pod, std::string> Pod::decode(JsonView object) {
  Pod pod;
  std::string error;
  const FieldReader root(object, "", error);
  const FieldReader metadata = root.object("metadata");
  metadata.needed_string("uid", pod.uid);
  std::optional<std::string> deletion;
  metadata.string("deletionTimestamp", deletion);
  pod.is_being_deleted = deletion.has_value();
  root.object("spec").string("serviceAccountName", pod.service_account);
  root.object("status").string("phase", pod.phase);
  if (!error.empty()) return tl::unexpected(std::move(error));
  return pod;
}

tl::expected<Lease, std::string> Lease::decode(JsonView object) {
  Lease lease;
  std::string error;
  const FieldReader root(object, "", error);
  const FieldReader metadata = root.object("metadata");
  metadata.needed_string("name", lease.name);
  metadata.needed_string("resourceVersion", lease.resource_version);
  const FieldReader spec = root.object("spec");
  spec.string("holderIdentity", lease.holder);
  spec.int32("leaseDurationSeconds", lease.duration_seconds);
  spec.string("acquireTime", lease.acquire_time);
  spec.string("renewTime", lease.renew_time);
  spec.int32("leaseTransitions", lease.transitions);
  if (!error.empty()) return tl::unexpected(std::move(error));
  return lease;
}

bool CertificateSigningRequest::has_condition(std::string_view type) const {
  return std::any_of(status.conditions.begin(), status.conditions.end(), [type](const CsrCondition& condition) {
    return condition.type == type && (condition.status == "True" || condition.status.empty());
  });
}

}  // namespace signet
