#include "signer/kube/csr_status_patch.h"

#include "signer/kube/base64.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

// Opens the patch and leaves it inside `status`.
void begin_patch(JsonWriter& json, const CertificateSigningRequest& csr) {
  json.begin_object();
  json.key("metadata").begin_object();
  json.key("uid").string(csr.uid);
  json.key("resourceVersion").string(csr.resource_version);
  json.end_object();
  json.key("status").begin_object();
}

std::string end_patch(JsonWriter& json) { return json.end_object().end_object().take(); }

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
  json.key("conditions").begin_array();
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
  json.key("certificate").string(base64_encode(certificate_pem));
  return end_patch(json);
}

std::string failed_patch(const CertificateSigningRequest& csr, std::string_view reason, std::string_view message) {
  return condition_patch(csr, "Failed", reason, message);
}

std::string approval_patch(const CertificateSigningRequest& csr, std::string_view message) {
  return condition_patch(csr, "Approved", kApprovalReason, message);
}

}  // namespace signet
