#include "webhook/admission_review.h"

#include <array>
#include <utility>

#include "signer/kube/base64.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

constexpr std::string_view kApiVersion = "admission.k8s.io/v1";
constexpr std::string_view kKind = "AdmissionReview";
constexpr int kForbidden = 403;

using Operation = AdmissionRequest::Operation;
constexpr std::array<std::pair<std::string_view, Operation>, 4> kOperations = {{{"CREATE", Operation::kCreate},
                                                                                {"UPDATE", Operation::kUpdate},
                                                                                {"DELETE", Operation::kDelete},
                                                                                {"CONNECT", Operation::kConnect}}};

// Reads fields of one object and remembers the first that is not as promised.
class FieldReader {
 public:
  explicit FieldReader(JsonView request) : request_(request) {}

  std::string required(std::string_view name, JsonView value) {
    const auto text = value.as_string();
    if (!text || text->empty()) {
      fail(name, "must be a text that is not empty");
    }
    return std::string(text.value_or(""));
  }

  std::string optional(std::string_view name, JsonView value) {
    const auto text = value.as_string();
    if (!text && !value.is_absent_or_null()) {
      fail(name, "must be a text");
    }
    return std::string(text.value_or(""));
  }

  void fail(std::string_view name, std::string_view rule) {
    if (error_.empty()) {
      error_ = "request." + std::string(name) + ": " + std::string(rule);
    }
  }

  [[nodiscard]] JsonView request() const { return request_; }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  JsonView request_;
  std::string error_;
};

Requester read_user(FieldReader& fields) {
  const JsonView info = fields.request().get("userInfo");
  Requester user;
  user.username = fields.optional("userInfo.username", info.get("username"));
  const JsonView groups = info.get("groups");
  if (!groups.is_array() && !groups.is_absent_or_null()) {
    fields.fail("userInfo.groups", "must be a list");
  }
  for (const JsonView group : groups.elements()) {
    if (const auto name = group.as_string()) {
      user.groups.emplace_back(*name);
    } else {
      fields.fail("userInfo.groups", "must be a list of texts");
    }
  }
  return user;
}

}  // namespace

tl::expected<AdmissionRequest, std::string> AdmissionRequest::decode(JsonView review) {
  if (review.get("apiVersion").as_string() != kApiVersion || review.get("kind").as_string() != kKind) {
    return tl::unexpected<std::string>("not an AdmissionReview of admission.k8s.io/v1 (apiVersion, kind)");
  }
  FieldReader fields(review.get("request"));
  if (!fields.request().is_object()) {
    return tl::unexpected<std::string>("request: must be an object");
  }
  const JsonView from = fields.request();
  AdmissionRequest request;
  request.uid = fields.required("uid", from.get("uid"));
  request.group = fields.optional("kind.group", from.at("kind", "group"));
  request.kind = fields.required("kind.kind", from.at("kind", "kind"));
  request.resource = fields.required("resource.resource", from.at("resource", "resource"));
  request.sub_resource = fields.optional("subResource", from.get("subResource"));
  request.name = fields.optional("name", from.get("name"));
  request.name_space = fields.optional("namespace", from.get("namespace"));
  const std::string operation = fields.required("operation", from.get("operation"));
  bool known = false;
  for (const auto& [name, value] : kOperations) {
    if (name == operation) {
      request.operation = value;
      known = true;
    }
  }
  if (!known) {
    fields.fail("operation", "must be CREATE, UPDATE, DELETE or CONNECT");
  }
  const JsonView dry_run = from.get("dryRun");
  if (!dry_run.as_bool() && !dry_run.is_absent_or_null()) {
    fields.fail("dryRun", "must be a boolean");
  }
  request.dry_run = dry_run.as_bool().value_or(false);
  request.user = read_user(fields);
  request.object = from.get("object");
  request.old_object = from.get("oldObject");
  if (!fields.error().empty()) {
    return tl::unexpected(fields.error());
  }
  return request;
}

AdmissionAnswer AdmissionAnswer::deny(const std::vector<Finding>& findings) {
  return {.allowed = false,
          .reason = std::string(to_string(findings.front().reason)),
          .message = to_message(findings),
          .json_patch = {},
          .warnings = {}};
}

std::string AdmissionAnswer::encode(std::string_view uid) const {
  JsonWriter json;
  json.begin_object().key("apiVersion").string(kApiVersion).key("kind").string(kKind);
  json.key("response").begin_object().key("uid").string(uid).key("allowed").boolean(allowed);
  if (!allowed) {
    json.key("status").begin_object().key("code").integer(kForbidden);
    json.key("reason").string(reason).key("message").string(message).end_object();
  }
  if (!json_patch.empty()) {
    json.key("patchType").string("JSONPatch").key("patch").string(base64_encode(json_patch));
  }
  if (!warnings.empty()) {
    json.key("warnings").begin_array();
    for (const std::string& warning : warnings) {
      json.string(warning);
    }
    json.end_array();
  }
  json.end_object().end_object();
  return json.take();
}

}  // namespace signet
