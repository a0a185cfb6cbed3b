#include "webhook/proxy_config_review.h"

#include <string>
#include <utility>
#include <vector>

#include "policy/locked_variables.h"
#include "policy/signer_choice.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

using Operation = AdmissionRequest::Operation;

bool is_reviewed(const AdmissionRequest& request) {
  return (request.operation == Operation::kCreate || request.operation == Operation::kUpdate) &&
         request.sub_resource.empty();
}

// Those of a ProxyConfig are those of its namespace, or some of them that a selector picks.
ConfiguredProxies proxies_of(const AdmissionRequest& request, const ReviewContext& context) {
  return {.ns = request.name_space,
          .tenant = context.policy.tenant_of_namespace(request.name_space, context.namespaces),
          .service_account = {}};
}

std::string spec_text(JsonView object) {
  std::string text;
  object.get("spec").append_to(text);
  return text;
}

// A finalizer taken from an object that is being deleted must pass. Its spec is judged where it changes: as long as a
// finalizer is left, what it configures is in force.
bool is_cleaned_up(const AdmissionRequest& request) {
  return request.operation == Operation::kUpdate &&
         !request.object.at("metadata", "deletionTimestamp").is_absent_or_null() &&
         spec_text(request.object) == spec_text(request.old_object);
}

}  // namespace

ReviewOutcome validate_proxy_config(const AdmissionRequest& request, const ReviewContext& context) {
  if (!is_reviewed(request) || is_cleaned_up(request)) {
    return pass();
  }
  const auto malformed = [&](const char* message) {
    return judge(request, {{Reason::kRequestMalformed, message}}, context);
  };
  const JsonView spec = request.object.get("spec");
  if (!request.object.is_object() || (!spec.is_object() && !spec.is_absent_or_null())) {
    return malformed("spec: must be an object");
  }
  const JsonView variables = spec.get("environmentVariables");
  if (!variables.is_object() && !variables.is_absent_or_null()) {
    return malformed("spec.environmentVariables: must be an object");
  }
  const ConfiguredProxies proxies = proxies_of(request, context);
  std::vector<Finding> findings;
  for (const JsonMember variable : variables.members()) {
    const std::string place = "spec.environmentVariables." + std::string(variable.key);
    const auto value = variable.value.as_string();
    if (variable.key != kCertSignerVariable) {
      if (auto finding = refuse_variable(context.policy, proxies.tenant, variable.key, value, place)) {
        findings.push_back(*std::move(finding));
      }
    } else if (!value) {
      findings.push_back({Reason::kRequestMalformed, place + ": must be a text"});
    } else if (auto finding = refuse_signer_choice(context.policy, proxies, *value, place)) {
      findings.push_back(*std::move(finding));
    }
  }
  return judge(request, findings, context);
}

ReviewOutcome mutate_proxy_config(const AdmissionRequest& request, const ReviewContext& context) {
  const auto signer = signer_to_choose(context.policy, proxies_of(request, context));
  if (!is_reviewed(request) || !signer || !request.object.is_object()) {
    return pass();
  }
  const JsonView spec = request.object.get("spec");
  const JsonView variables = spec.get("environmentVariables");
  const auto unreadable = [](JsonView view) { return !view.is_object() && !view.is_absent_or_null(); };
  if (unreadable(spec) || unreadable(variables) || variables.get(kCertSignerVariable).exists()) {
    return pass();
  }
  // "add" replaces a member that is null; the deepest parent that is missing is added with what belongs in it.
  JsonWriter patch;
  patch.begin_array().begin_object().key("op").string("add").key("path");
  if (spec.is_absent_or_null()) {
    patch.string("/spec").key("value").begin_object().key("environmentVariables").begin_object();
    patch.key(kCertSignerVariable).string(*signer).end_object().end_object();
  } else if (variables.is_absent_or_null()) {
    patch.string("/spec/environmentVariables").key("value").begin_object();
    patch.key(kCertSignerVariable).string(*signer).end_object();
  } else {
    patch.string("/spec/environmentVariables/" + std::string(kCertSignerVariable)).key("value").string(*signer);
  }
  patch.end_object().end_array();
  ReviewOutcome outcome = judge(request, {}, context);
  outcome.answer.json_patch = patch.take();
  outcome.record->decision = "patched";
  outcome.record->signer_granted = context.policy.signer_name(*signer);
  return outcome;
}

}  // namespace signet
