#include "policy/policy_loader.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unordered_set>

#include "policy/duration.h"
#include "policy/kubernetes_names.h"
#include "policy/policy_fields.h"
#include "policy/policy_language.h"
#include "policy/policy_warnings.h"
#include "policy/quoting.h"
#include "policy/spiffe_id.h"
#include "policy/yaml_document.h"

namespace signet {
namespace {

constexpr std::string_view kDefaultRootNamespace = "istio-system";

// Kubernetes bounds a signerName by its domain and path; the path is RFC 1123 labels joined by dots.
constexpr std::size_t kMaxSignerBytes = 253;

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
  // A list of what `value_named` gives for the names of `all`.
  template <typename Values, typename Value = typename Values::value_type>
  std::vector<Value> read_values(const PolicyField& at, const Values& all,
                                 std::optional<Value> (*value_named)(std::string_view), std::string_view what) {
    std::vector<std::string_view> known;
    std::ranges::transform(all, std::back_inserter(known), [](Value value) { return to_string(value); });
    std::vector<Value> values;
    for (const std::string& name : fields_.names(
             at, [&](std::string_view text) { return value_named(text).has_value(); },
             std::string(what) + " that can be signed: " + joined(known), known)) {
      values.push_back(*value_named(name));
    }
    return values;
  }

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
    model.requesters = read_requesters(spec.field("requesters"));
    model.issuers = fields_.names(spec.field("issuers"), is_username, "a user name");
    if (const PolicyField certificate = spec.field("certificate"); certificate.node != nullptr) {
      read_limits(certificate, model.certificate);
      base_certificate_ = certificate.node;
    }
    read_tenants(spec.field("tenants"), model);
    read_signers(spec.field("signers"), model);
    check_routed_signer(spec, model);
  }

  std::vector<std::string> read_requesters(const PolicyField& at) {
    return fields_.names(at, is_username, "a user name such as system:serviceaccount:<namespace>:<name>, or self");
  }

  void read_limits(const PolicyField& at, CertificateLimits& limits) {
    if (!fields_.expect_map(at, kCertificateKeys)) {
      return;
    }
    if (const PolicyField keys = at.field("keys"); keys.node != nullptr) {
      limits.keys = read_values(keys, kKeyTypes, key_type_named, "a key type");
    }
    if (const PolicyField usages = at.field("usages"); usages.node != nullptr) {
      limits.usages = read_values(usages, kUsages, usage_named, "a usage");
    }
    if (const PolicyField duration = at.field("maxDuration"); duration.node != nullptr) {
      const auto value = fields_.text(duration);
      if (!value) {
        return;
      }
      const std::optional<std::chrono::seconds> seconds = parse_duration(*value);
      if (!seconds) {
        fields_.problem(PolicyRule::kInvalidValue, duration,
                        in_quotes(*value) + " is not a duration such as 24h or 1h30m (at most 596523h)");
      } else if (*seconds < kMinDuration) {
        fields_.problem(PolicyRule::kInvalidValue, duration,
                        in_quotes(*value) + " is shorter than 10m, the least that Kubernetes lets anybody ask for");
      } else {
        limits.max_duration = *seconds;
      }
    }
  }

  void read_tenants(const PolicyField& at, PolicyModel& model) {
    fields_.each_item(at, [&](const PolicyField& item) {
      if (!fields_.expect_map(item, kTenantKeys)) {
        return;
      }
      PolicyModel::Tenant tenant;
      tenant.name = fields_.name(item.field("name"), is_dns_subdomain, "a name of a-z, 0-9, '-' and '.'");
      tenant.namespaces = fields_.names(item.field("namespaces"), is_dns_label, kNamespaceRule);
      tenant.signers = fields_.names(item.field("signers"), is_signer, kSignerRule);
      tenant.dns_names = fields_.names(item.field("dnsNames"), is_dns_subdomain, "a DNS name in lower case");
      tenant.requesters = read_requesters(item.field("requesters"));
      tenant.certificate = model.certificate;
      if (const PolicyField certificate = item.field("certificate"); certificate.node != nullptr) {
        read_limits(certificate, tenant.certificate);
      }
      claim(item.field("name"), tenant.name, tenant.name, tenant_names_);
      claim_each(item.field("namespaces"), tenant.name, namespaces_);
      claim_each(item.field("dnsNames"), tenant.name, dns_names_);
      tenant_signers_.insert(tenant.signers.begin(), tenant.signers.end());
      check_limits_complete(item, tenant.certificate);
      model.tenants.push_back(std::move(tenant));
    });
  }

  void check_limits_complete(const PolicyField& tenant, const CertificateLimits& limits) {
    const auto missing = [&](std::string_view what) {
      fields_.problem(PolicyRule::kLimitMissing, tenant,
                      "has no certificate." + std::string(what) + " and inherits none from spec.certificate");
    };
    const auto stated = [&](std::string_view what) {  // then what is wrong with it has been said
      const PolicyField own = tenant.field("certificate");
      return (own.node != nullptr && own.node->find(what) != nullptr) || base_states(what);
    };
    if (limits.keys.empty() && !stated("keys")) {
      missing("keys");
    }
    if (limits.usages.empty() && !stated("usages")) {
      missing("usages");
    }
    if (limits.max_duration.count() == 0 && !stated("maxDuration")) {
      missing("maxDuration");
    }
  }

  [[nodiscard]] bool base_states(std::string_view what) const {
    return base_certificate_ != nullptr && base_certificate_->find(what) != nullptr;
  }

  struct Claim {
    std::string tenant;
    int line;
  };
  using Claims = std::unordered_map<std::string, Claim>;

  void claim(const PolicyField& at, const std::string& value, const std::string& tenant, Claims& claims) {
    if (at.node == nullptr || value.empty()) {
      return;
    }
    const auto [first, added] = claims.emplace(value, Claim{tenant, at.node->mark.line});
    const bool repeated_in_tenant = !added && first->second.tenant == tenant && &claims != &tenant_names_;
    if (!added && !repeated_in_tenant) {  // a repeat within one list has been told already
      fields_.problem(PolicyRule::kTenantsOverlap, at,
                      in_quotes(value) + " belongs to tenant " + in_quotes(first->second.tenant) + " already (line " +
                          std::to_string(first->second.line) + ")");
    }
  }

  void claim_each(const PolicyField& at, const std::string& tenant, Claims& claims) {
    if (at.node == nullptr || at.node->kind != YamlNode::Kind::kSequence) {
      return;
    }
    for (std::size_t i = 0; i < at.node->items.size(); ++i) {
      claim(at.item(i), at.node->items[i].scalar, tenant, claims);
    }
  }

  void read_signers(const PolicyField& at, PolicyModel& model) {
    std::unordered_map<std::string, int> line_of;
    fields_.each_item(at, [&](const PolicyField& item) {
      if (!fields_.expect_map(item, kSignerKeys)) {
        return;
      }
      PolicyModel::Signer signer{
          .name = fields_.name(item.field("name"), is_signer, kSignerRule),
          .secret_name = fields_.name(item.field("secretName"), is_dns_subdomain, "a name of a Kubernetes Secret")};
      if (signer.name.empty()) {
        return;
      }
      if (const auto [first, added] = line_of.emplace(signer.name, item.node->mark.line); !added) {
        fields_.problem(
            PolicyRule::kRepeatedValue, item,
            "signer " + in_quotes(signer.name) + " is described in line " + std::to_string(first->second) + " already");
      }
      if (!tenant_signers_.contains(signer.name)) {
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
    }
    return near_name_hint(written, known);
  }

  void check_routed_signer(const PolicyField& spec, const PolicyModel& model) {
    if (model.routed_signer.empty()) {
      return;
    }
    const PolicyField routed = spec.field("routedSigner");
    if (tenant_signers_.contains(model.routed_signer)) {
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

  static constexpr std::string_view kNamespaceRule = "a namespace's name (RFC 1123 label: 1 to 63 of a-z, 0-9 and '-')";
  static constexpr std::string_view kSignerRule = "a signer's name without its domain (a-z, 0-9, '-' and '.')";

  static bool is_signer_domain(std::string_view name) {
    return is_dns_subdomain(name) && name.find('.') != std::string_view::npos;
  }
  static bool is_signer(std::string_view name) { return name.size() <= kMaxSignerBytes && is_dns_subdomain(name); }
  static bool is_username(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
  }

  PolicyFields fields_;
  int signer_hints_ = 0;
  const YamlNode* base_certificate_ = nullptr;
  std::unordered_set<std::string> tenant_signers_;
  Claims tenant_names_;
  Claims namespaces_;
  Claims dns_names_;
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
