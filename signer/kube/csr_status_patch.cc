#include "signer/kube/csr_status_patch.h"

#include "signer/kube/base64.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

// Writes an operation up to its value. `add` replaces what is there already (RFC 6902 §4.1).
void begin_operation(JsonWriter& json, std::string_view operation, std::string_view path) {
  json.begin_object().key("op").string(operation).key("path").string(path).key("value");
}

// Opens the patch, with the object's identity in it, and leaves it open for what is to change.
void begin_patch(JsonWriter& json, const CertificateSigningRequest& csr) {
  json.begin_array();
  begin_operation(json, "replace", "/metadata/uid");
  json.string(csr.uid).end_object();
  begin_operation(json, "replace", "/metadata/resourceVersion");
  json.string(csr.resource_version).end_object();
}

std::string end_patch(JsonWriter& json) { return json.end_object().end_array().take(); }

void write_condition(JsonWriter& json, const CsrCondition& condition) {
  const auto member = [&json](std::string_view key, const std::string& value) {
    if (!value.empty()) json.key(key).string(value);
  };
  json.begin_object();
  member("type", condition.type);
  member("status", condition.status);
  member("reason", condition.reason);
  member("message", condition.message);
  member("lastUpdateTime", condition.last_update_time);
  member("lastTransitionTime", condition.last_transition_time);
  json.end_object();
}

// The conditions that are there, and one more of status "True".
std::string condition_patch(const CertificateSigningRequest& csr, std::string_view type, std::string_view reason,
                            std::string_view message) {
  JsonWriter json;
  begin_patch(json, csr);
  begin_operation(json, "add", "/status/conditions");
  json.begin_array();
  for (const CsrCondition& condition : csr.status.conditions) write_condition(json, condition);
  // The API server fills in the times.
  write_condition(json, {std::string(type), "True", std::string(reason), std::string(message), {}, {}});
  json.end_array();
  return end_patch(json);
}

}  // namespace

std::string certificate_patch(const CertificateSigningRequest& csr, std::string_view certificate_pem) {
  JsonWriter json;
  begin_patch(json, csr);
  begin_operation(json, "add", "/status/certificate");
  json.string(base64_encode(certificate_pem));
  return end_patch(json);
}

std::string failed_patch(const CertificateSigningRequest& csr, std::string_view reason, std::string_view message) {
  return condition_patch(csr, "Failed", reason, message);
}

std::string approval_patch(const CertificateSigningRequest& csr, std::string_view message) {
  return condition_patch(csr, "Approved", kApprovalReason, message);
}

}  // namespace signet
