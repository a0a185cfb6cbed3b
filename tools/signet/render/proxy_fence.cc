#include "tools/signet/render/proxy_fence.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/quoting.h"
#include "policy/signer_choice.h"
#include "policy/workload_signers.h"
#include "tools/signet/render/cel.h"
#include "tools/signet/render/tenancy_variables.h"
#include "webhook/pod_review.h"

namespace signet {
namespace {

using Variable = AdmissionPolicy::Variable;
using Validation = AdmissionPolicy::Validation;

// More than a pod that people write has, and no more than an expression may cost.
constexpr int kMaxVariables = 10'000;
constexpr int kMaxAnnotationCharacters = 10'000;
constexpr int kMaxAnnotationLines = 500;

const std::string kSignerVariable(kCertSignerVariable);
const std::string kSignerRefused = "signet: SignerNotAllowed: ";
const std::string kVariableRefused = "signet: VariableLocked: ";

bool is_kept(const Policy& policy, const PolicyModel::Tenant* tenant) {
  return policy.mode_of(Reason::kSignerNotAllowed, tenant, {}) == Mode::kEnforce &&
         (policy.model().locked_variables.empty() ||
          policy.mode_of(Reason::kVariableLocked, tenant, {}) == Mode::kEnforce);
}

// `signers` of the tenant, and none where nothing is to be judged.
std::string signers_by_tenant(const Policy& policy,
                              std::vector<std::string> (*signers_of)(const PolicyModel::Tenant&)) {
  std::map<std::string, std::string> signers;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    if (is_kept(policy, &tenant)) {
      signers.emplace(tenant.name, cel_list(signers_of(tenant)));
    }
  }
  return signers.empty() ? "[]" : cel_map(signers) + "[?variables.tenant].orValue([])";
}

// Where there are any.
void add_locked_variables(const Policy& policy, std::vector<Variable>& variables) {
  std::map<std::string, std::string> locked;
  for (const PolicyModel::LockedVariable& variable : policy.model().locked_variables) {
    locked.emplace(variable.name, cel_list(variable.values));
  }
  if (!locked.empty()) {
    variables.push_back({"locked", cel_map(locked)});
  }
}

// `list` as a person reads it, of an expression.
std::string quoted_list(const std::string& list) { return "\"\\\"\" + " + list + ".join(\"\\\", \\\"\") + \"\\\"\""; }

std::string tenant_may_use(const std::string& list, const std::string& rule) {
  return "\"tenant \\\"\" + variables.tenant + \"\\\" may use \" + " + quoted_list(list) +
         " + \" (tenants[\" + variables.tenant + \"]" + rule + ")\"";
}

// Whether a plain scalar of YAML is this text, and this text alone.
bool is_plain(std::string_view text) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && is_alphanumeric(text.front()) && std::ranges::all_of(text, [&](char c) {
    return is_alphanumeric(c) || c == '.' || c == '-' || c == '_' || c == '/';
  });
}

// The lines by which an annotation may set these variables.
std::string spellings(const Policy& policy) {
  const std::string begin = kSignerVariable + ": ";
  std::vector<std::string> locked;
  for (const PolicyModel::LockedVariable& variable : policy.model().locked_variables) {
    for (const std::string& value : variable.values) {
      if (is_plain(value)) {
        locked.push_back(variable.name + ": " + value);
      }
      if (value.find_first_of("\"\\") == std::string::npos) {
        locked.push_back(variable.name + ": \"" + value + "\"");
      }
    }
  }
  return "variables.allowed.map(s, " + cel_text(begin) + " + s) + variables.allowed.map(s, " + cel_text(begin + "\"") +
         " + s + \"\\\"\")" + (locked.empty() ? "" : " + " + cel_list(locked));
}

// A line that holds one of the variables' names, whatever it says of it.
std::string names_a_variable(const Policy& policy) {
  std::string names = kSignerVariable;
  for (const PolicyModel::LockedVariable& variable : policy.model().locked_variables) {
    names += "|" + variable.name;
  }
  return cel_text("\\b(" + names + ")\\b");
}

// What could spell a name otherwise: in double quotes a code for a character, or a line that goes on in the next; and a
// tag, such as !!binary.
const std::string kHides = cel_text("\\\\[xuU\\r\\n\\x{85}\\x{2028}\\x{2029}]|(^|[^A-Za-z0-9])!");

std::vector<Variable> pod_variables(const Policy& policy) {
  std::vector<Variable> variables = tenancy_variables(policy);
  variables.push_back(
      {"signers", signers_by_tenant(policy, [](const PolicyModel::Tenant& tenant) { return tenant.signers; })});
  add_locked_variables(policy, variables);
  variables.push_back(
      {"account",
       "object.spec.?serviceAccountName.orValue(\"\") == \"\" ? \"default\" : object.spec.serviceAccountName"});
  std::map<std::string, std::string> accounts;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    for (const PolicyModel::ServiceAccount& account : tenant.service_accounts) {
      accounts.emplace(tenant.name + "/" + account.ns + "/" + account.name, cel_list(account.signers));
    }
  }
  std::string own = "variables.signers";
  if (!accounts.empty()) {
    variables.push_back({"accounts", cel_map(accounts)});
    own =
        "variables.accounts[?(variables.tenant + \"/\" + request.namespace + \"/\" + variables.account)].or("
        "variables.accounts[?(variables.tenant + \"//\" + variables.account)]).orValue(variables.signers)";
  }
  variables.push_back({"own", own});
  const std::string& default_signer = policy.model().default_signer;
  variables.push_back(
      {"allowed", default_signer.empty() ? "variables.own" : "variables.own + [" + cel_text(default_signer) + "]"});
  variables.push_back(
      {"config", "object.metadata.?annotations[?" + cel_text(kProxyConfigAnnotation) + "].orValue(\"\")"});
  variables.push_back({"lines", "variables.config.split(\"\\n\")"});
  variables.push_back({"spellings", spellings(policy)});
  variables.push_back(
      {"crowded",
       "object.spec.containers.map(c, has(c.env) ? c.env.size() : 0).sum() + (has(object.spec.initContainers) ? "
       "object.spec.initContainers.map(c, has(c.env) ? c.env.size() : 0).sum() : 0) > " +
           std::to_string(kMaxVariables)});
  return variables;
}

// That no container `c` is a bad one.
std::string no_container(const std::string& bad) {
  const auto in = [&](const std::string& containers) { return containers + ".exists(c, " + bad + ")"; };
  return "variables.signers.size() == 0 || variables.crowded || !(" + in("object.spec.containers") +
         " || (has(object.spec.initContainers) && " + in("object.spec.initContainers") + "))";
}

// That no variable of a container `c` is a bad one, `e`.
std::string no_variable(const std::string& of_container, const std::string& bad) {
  return no_container(of_container + "has(c.env) && c.env.exists(e, " + bad + ")");
}

}  // namespace

AdmissionPolicy fence_of_proxy_configs(const Policy& policy, std::string_view own) {
  const std::string& default_signer = policy.model().default_signer;
  const std::string root = cel_text(policy.model().root_namespace);
  const Tenancy::Owner owner = policy.tenancy().owner_by_name(policy.model().root_namespace);
  const bool keeps_root =
      is_kept(policy, owner.kind == Tenancy::Owner::Kind::kTenant ? &policy.model().tenants[owner.tenant] : nullptr);

  TenantScope scope = tenant_scope(policy, own, true);
  // One that is being deleted lets go of its finalizers.
  scope.conditions.push_back({"not-being-deleted",
                              "!(request.operation == \"UPDATE\" && has(object.metadata.deletionTimestamp) && "
                              "object.?spec == oldObject.?spec)"});
  std::vector<Variable> variables = tenancy_variables(policy);
  variables.push_back({"environment", "object.?spec.?environmentVariables.orValue({})"});
  variables.push_back({"allowed", "request.namespace == " + root + " ? " +
                                      (default_signer.empty() ? "[]" : "[" + cel_text(default_signer) + "]") + " : " +
                                      signers_by_tenant(policy, signers_of_tenant)});
  variables.push_back({"judged", keeps_root ? "request.namespace == " + root + " || variables.allowed.size() > 0"
                                            : "request.namespace != " + root + " && variables.allowed.size() > 0"});
  add_locked_variables(policy, variables);

  const std::string signer = cel_text(kSignerVariable);
  const std::string in_root = "in the root namespace, which reaches every other, " +
                              (default_signer.empty() ? std::string("none may stand (rootNamespace)")
                                                      : "only \"" + default_signer + "\" may stand (defaultSigner)");
  const std::string asks = "spec.environmentVariables." + kSignerVariable + " asks for ";
  std::vector<Validation> validations = {
      {"!variables.judged || !(" + signer + " in variables.environment) || variables.environment[" + signer +
           "] in variables.allowed",
       kSignerRefused + asks + "a signer that is not allowed",
       cel_text(kSignerRefused + asks + "signer \"") + " + variables.environment[" + signer +
           "] + \"\\\"; \" + (request.namespace == " + root + " ? " + cel_text(in_root) + " : " +
           tenant_may_use("variables.allowed", ".signers") + ")"}};
  if (!policy.model().locked_variables.empty()) {
    const std::string bad = "n in variables.environment && !(variables.environment[n] in variables.locked[n])";
    const std::string place = kVariableRefused + "spec.environmentVariables sets ";
    validations.push_back({"!variables.judged || !variables.locked.exists(n, " + bad + ")",
                           place + "a variable to what it may not be (lockedVariables)",
                           cel_text(place) + " + variables.locked.filter(n, " + bad +
                               ").join(\", \") + \" to what nobody may set it to (lockedVariables)\""});
  }
  return {.name = "signet-proxyconfigs",
          .rule = kProxyConfigsWritten,
          .namespaces = std::move(scope.namespaces),
          .conditions = std::move(scope.conditions),
          .variables = std::move(variables),
          .validations = std::move(validations),
          .failure_policy = "Fail"};
}

std::optional<AdmissionPolicy> fence_of_pods(const Policy& policy, std::string_view own) {
  TenantScope scope = tenant_scope(policy, own, false);
  if (scope.namespaces.names.empty() ||
      std::ranges::none_of(policy.model().tenants,
                           [&](const PolicyModel::Tenant& tenant) { return is_kept(policy, &tenant); })) {
    return std::nullopt;
  }
  scope.conditions.push_back(configures_its_proxy(policy));

  const std::string judged = "variables.signers.size() == 0 || ";
  const std::string may_use = tenant_may_use("variables.own", "");
  const std::string crowded =
      kSignerRefused + "the pod has more than " + std::to_string(kMaxVariables) + " variables, which nobody can judge";
  const std::string asks = kSignerRefused + "the env of a container asks for a signer that account ";
  const std::string config = "annotation " + std::string(kProxyConfigAnnotation);
  const std::string spelled =
      kSignerRefused + config + " must name " + kSignerVariable +
      " and locked variables in lines of their own (NAME: value), without tags and escapes, in " +
      std::to_string(kMaxAnnotationCharacters) + " characters and " + std::to_string(kMaxAnnotationLines) + " lines";
  std::vector<Validation> validations = {
      {judged + "!variables.crowded", crowded},
      {no_variable("", "e.name == " + cel_text(kSignerVariable) +
                           " && (has(e.valueFrom) || !has(e.value) || !(e.value in variables.allowed))"),
       asks + "may not use, or takes it from elsewhere",
       cel_text(asks + "\"") +
           " + variables.account + \"\\\" may not use, or takes it from where nobody can judge it; \" + " + may_use},
      {judged + "(variables.config.size() <= " + std::to_string(kMaxAnnotationCharacters) +
           " && variables.lines.size() <= " + std::to_string(kMaxAnnotationLines) + " && !variables.config.matches(" +
           kHides + ") && variables.lines.all(l, !l.matches(" + names_a_variable(policy) +
           ") || l.trim() in variables.spellings))",
       spelled, cel_text(spelled + "; ") + " + " + may_use}};
  if (!policy.model().locked_variables.empty()) {
    const std::string sets =
        kVariableRefused + "the env of container " + std::string(kProxyContainer) +
        " sets a locked variable to what it may not be, or takes it from where nobody can judge it "
        "(lockedVariables)";
    validations.push_back({no_variable("c.name == " + cel_text(kProxyContainer) + " && ",
                                       "e.name in variables.locked && (has(e.valueFrom) || "
                                       "e.?value.orValue(\"\").contains(\"$(\") || "
                                       "!(e.?value.orValue(\"\") in variables.locked[e.name]))"),
                           sets});
    validations.push_back({no_container("c.name == " + cel_text(kProxyContainer) + " && has(c.envFrom)"), sets});
  }
  return AdmissionPolicy{.name = "signet-pods",
                         .rule = kPodsCreated,
                         .namespaces = std::move(scope.namespaces),
                         .conditions = std::move(scope.conditions),
                         .variables = pod_variables(policy),
                         .validations = std::move(validations),
                         .failure_policy = "Ignore"};
}

}  // namespace signet
