#include "policy/policy_loader.h"

#include <algorithm>
#include <unordered_map>

#include "policy/kubernetes_names.h"
#include "policy/limits_reader.h"
#include "policy/policy_fields.h"
#include "policy/policy_language.h"
#include "policy/policy_warnings.h"
#include "policy/quoting.h"
#include "policy/signer_choice.h"
#include "policy/spiffe_id.h"
#include "policy/tenant_reader.h"
#include "policy/yaml_document.h"

namespace signet {
namespace {

constexpr std::string_view kDefaultRootNamespace = "istio-system";

// Reads the tree into a model and gathers what is wrong with it; goes on after each problem.
class PolicyReader {
 public:
  explicit PolicyReader(std::string_view file) : fields_(file) {}

  PolicyModel read(const YamlNode& root) {
    const PolicyField top{&root, ""};
    PolicyModel model;
    if (!fields_.expect_map(top, kTopKeys)) {
      return model;
    }
    fields_.expect_text(top.field("apiVersion"), kPolicyApiVersion);
    fields_.expect_text(top.field("kind"), kPolicyKind);
    if (const PolicyField metadata = top.field("metadata");
        metadata.node && fields_.expect_map(metadata, kMetadataKeys)) {
      model.name = fields_.name(metadata.field("name"), is_dns_subdomain, "a name of a-z, 0-9, '-' and '.'");
    }
    if (const PolicyField spec = top.field("spec"); spec.node != nullptr) {
      read_spec(spec, model);
    }
    return model;
  }

  std::vector<PolicyProblem> take_problems() { return fields_.take_problems(); }

 private:
  void read_spec(const PolicyField& spec, PolicyModel& model) {
    if (!fields_.expect_map(spec, kSpecKeys)) {
      return;
    }
    model.trust_domains = fields_.names(spec.field("trustDomains"), is_trust_domain, "a SPIFFE trust domain");
    model.signer_domain = fields_.name(spec.field("signerDomain"), is_signer_domain, "a DNS name with a dot");
    model.default_signer = fields_.name(spec.field("defaultSigner"), is_signer, kSignerRule);
    model.routed_signer = fields_.name(spec.field("routedSigner"), is_signer, kSignerRule);
    model.root_namespace = kDefaultRootNamespace;
    if (const PolicyField root = spec.field("rootNamespace"); root.node != nullptr) {
      model.root_namespace = fields_.name(root, is_dns_label, kNamespaceRule);
    }
    if (fields_.choice(spec.field("otherSigners"), kOtherSignersChoices) == "pass") {
      model.other_signers = PolicyModel::OtherSigners::kPass;
    }
    if (fields_.choice(spec.field("certificateRequests"), kCertificateRequestsChoices) == "evaluate") {
      model.certificate_requests = PolicyModel::CertificateRequests::kEvaluate;
    }
    model.requesters = read_requesters(fields_, spec.field("requesters"));
    model.requester_groups = read_groups(fields_, spec.field("requesterGroups"));
    model.namespace_admins = read_groups(fields_, spec.field("namespaceAdmins"));
    model.issuers = fields_.names(spec.field("issuers"), is_word, "a user name");
    read_locked_variables(spec.field("lockedVariables"), model);
    const PolicyField certificate = spec.field("certificate");
    if (certificate.node != nullptr) {
      read_limits(fields_, certificate, model.certificate);
    }
    model.modes = read_modes(fields_, spec.field("modes"));
    TenantReader tenants(fields_, model.certificate, certificate.node);
    fields_.each_item(spec.field("tenants"), [&](const PolicyField& item) {
      if (fields_.expect_map(item, kTenantKeys)) {
        model.tenants.push_back(tenants.read(item));
        check_guarded(spec, item);
      }
    });
    tenants.tell_overlaps();
    read_signers(spec.field("signers"), model, tenants);
    check_routed_signer(spec, model, tenants);
  }

  // Labels are anybody's to set who may edit a namespace.
  void check_guarded(const PolicyField& spec, const PolicyField& tenant) {
    if (tenant.node->find("namespaceSelector") != nullptr && spec.node->find("namespaceAdmins") == nullptr) {
      fields_.problem(PolicyRule::kMissingKey, tenant.field("namespaceSelector"),
                      "needs spec.namespaceAdmins, the groups that may label namespaces: anybody else could choose a "
                      "namespace's tenant");
    }
  }

  void read_locked_variables(const PolicyField& at, PolicyModel& model) {
    std::unordered_map<std::string, int> line_of;
    fields_.each_item(at, [&](const PolicyField& item) {
      if (!fields_.expect_map(item, kVariableKeys)) {
        return;
      }
      PolicyModel::LockedVariable variable;
      variable.name = fields_.name(item.field("name"), is_variable, "the name of a variable (A-Z, a-z, 0-9 and '_')");
      if (variable.name == kCertSignerVariable) {
        fields_.problem(PolicyRule::kInvalidValue, item.field("name"),
                        in_quotes(variable.name) + " has its own rule: it may name the tenant's signers");
      }
      variable.values = fields_.names(item.field("values"), is_word, "a value without spaces");
      if (variable.name.empty()) {
        return;
      }
      if (const auto [first, added] = line_of.emplace(variable.name, item.node->mark.line); !added) {
        fields_.problem(PolicyRule::kRepeatedValue, item,
                        in_quotes(variable.name) + " is locked in line " + std::to_string(first->second) + " already");
      }
      model.locked_variables.push_back(std::move(variable));
    });
  }

  void read_signers(const PolicyField& at, PolicyModel& model, const TenantReader& tenants) {
    std::unordered_map<std::string, int> line_of;
    fields_.each_item(at, [&](const PolicyField& item) {
      if (!fields_.expect_map(item, kSignerKeys)) {
        return;
      }
      PolicyModel::Signer signer;
      signer.name = fields_.name(item.field("name"), is_signer, kSignerRule);
      signer.secret_name = fields_.name(item.field("secretName"), is_dns_subdomain, "a name of a Kubernetes Secret");
      if (const PolicyField certificate = item.field("certificate"); certificate.node != nullptr) {
        read_limits(fields_, certificate, signer.certificate);
      }
      if (fields_.choice(item.field("approval"), kApprovalChoices) == "automatic") {
        signer.approval = PolicyModel::Approval::kAutomatic;
      }
      if (signer.name.empty()) {
        return;
      }
      if (const auto [first, added] = line_of.emplace(signer.name, item.node->mark.line); !added) {
        fields_.problem(
            PolicyRule::kRepeatedValue, item,
            "signer " + in_quotes(signer.name) + " is described in line " + std::to_string(first->second) + " already");
      }
      if (!tenants.has_signer(signer.name)) {
        fields_.problem(PolicyRule::kUnknownSigner, item, "no tenant has signer " + in_quotes(signer.name),
                        near_signer_hint(signer.name, model));
      }
      model.signers.push_back(std::move(signer));
    });
  }

  // Every signer of every tenant is compared with, so this is done for as many as a person mends at a time.
  std::string near_signer_hint(const std::string& written, const PolicyModel& model) {
    constexpr int kMaxHints = 100;
    if (++signer_hints_ > kMaxHints) {
      return {};
    }
    std::vector<std::string_view> known;
    for (const PolicyModel::Tenant& tenant : model.tenants) {
      known.insert(known.end(), tenant.signers.begin(), tenant.signers.end());
      for (const PolicyModel::ServiceAccount& account : tenant.service_accounts) {
        known.insert(known.end(), account.signers.begin(), account.signers.end());
      }
    }
    return near_name_hint(written, known);
  }

  void check_routed_signer(const PolicyField& spec, const PolicyModel& model, const TenantReader& tenants) {
    if (model.routed_signer.empty()) {
      return;
    }
    const PolicyField routed = spec.field("routedSigner");
    if (tenants.has_signer(model.routed_signer)) {
      fields_.problem(
          PolicyRule::kRoutedSignerTaken, routed,
          in_quotes(model.routed_signer) + " is a signer of a tenant; the routed signer must be a name of its own");
    }
    if (model.routed_signer == model.default_signer) {
      fields_.problem(
          PolicyRule::kRoutedSignerTaken, routed,
          in_quotes(model.routed_signer) + " is the default signer; the routed signer must be a name of its own");
    }
  }

  static bool is_signer_domain(std::string_view name) {
    return is_dns_subdomain(name) && name.find('.') != std::string_view::npos;
  }
  static bool is_variable(std::string_view name) {
    return !name.empty() && !(name.front() >= '0' && name.front() <= '9') && std::ranges::all_of(name, [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
  }

  PolicyFields fields_;
  int signer_hints_ = 0;
};

}  // namespace

tl::expected<LoadedPolicy, std::vector<PolicyProblem>> load_policy_with_warnings(std::string_view yaml,
                                                                                 std::string_view file) {
  const tl::expected<YamlNode, std::vector<YamlProblem>> root = parse_yaml(yaml, {.max_bytes = kMaxPolicyBytes});
  if (!root) {
    return tl::unexpected(not_yaml(root.error(), file, yaml));
  }
  if (root->kind == YamlNode::Kind::kNull) {
    return tl::unexpected(
        std::vector<PolicyProblem>{{.file = std::string(file),
                                    .message = "is empty; a policy has apiVersion, kind, metadata and spec",
                                    .rule = PolicyRule::kFileUnreadable}});
  }
  PolicyReader reader(file);
  PolicyModel model = reader.read(*root);
  if (std::vector<PolicyProblem> problems = reader.take_problems(); !problems.empty()) {
    return tl::unexpected(with_excerpts(std::move(problems), yaml));
  }
  std::vector<PolicyProblem> warnings = with_excerpts(policy_warnings(*root, model, file), yaml);
  return LoadedPolicy{.model = std::move(model), .warnings = std::move(warnings)};
}

tl::expected<PolicyModel, std::vector<PolicyProblem>> load_policy(std::string_view yaml, std::string_view file) {
  return load_policy_with_warnings(yaml, file).map([](LoadedPolicy&& loaded) { return std::move(loaded.model); });
}

}  // namespace signet
