#include "policy/policy_loader.h"

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <unordered_map>
#include <unordered_set>

#include "policy/duration.h"
#include "policy/kubernetes_names.h"
#include "policy/quoting.h"
#include "policy/spiffe_id.h"
#include "policy/yaml_document.h"

namespace signet {
namespace {

constexpr std::string_view kApiVersion = "signet/v1alpha1";
constexpr std::string_view kKind = "SignerPolicy";
constexpr std::string_view kDefaultRootNamespace = "istio-system";

// Kubernetes bounds a signerName by its domain and path; the path is RFC 1123 labels joined by dots.
constexpr std::size_t kMaxSignerBytes = 253;

// A node together with its path from the top, "spec.tenants[0].signers".
struct Field {
  const YamlNode* node;
  std::string path;

  [[nodiscard]] Field item(std::size_t index) const {
    return {&node->items[index], path + "[" + std::to_string(index) + "]"};
  }
};

// Reads the tree into a model and gathers what is wrong with it; goes on after each problem.
class PolicyReader {
 public:
  explicit PolicyReader(std::string_view file) : file_(file) {}

  PolicyModel read(const YamlNode& root) {
    const Field top{&root, ""};
    PolicyModel model;
    if (!expect_map(top, {"apiVersion", "kind", "metadata", "spec"}, {"apiVersion", "kind", "metadata", "spec"})) {
      return model;
    }
    expect_text(field(top, "apiVersion"), kApiVersion);
    expect_text(field(top, "kind"), kKind);
    if (const Field metadata = field(top, "metadata"); metadata.node && expect_map(metadata, {"name"}, {"name"})) {
      model.name = read_name(field(metadata, "name"), is_dns_subdomain, "a name of a-z, 0-9, '-' and '.'");
    }
    if (const Field spec = field(top, "spec"); spec.node != nullptr) {
      read_spec(spec, model);
    }
    return model;
  }

  std::vector<PolicyProblem> take_problems() {
    std::ranges::stable_sort(problems_, {}, [](const PolicyProblem& p) { return std::pair(p.line, p.column); });
    return std::move(problems_);
  }

 private:
  using Check = std::function<bool(std::string_view)>;

  void problem(const Field& at, const std::string& message) {
    problems_.push_back(
        {file_, at.node->mark.line, at.node->mark.column, at.path.empty() ? message : at.path + ": " + message});
  }

  // --- shapes

  static Field field(const Field& map, std::string_view key) {
    return {map.node->find(key), map.path.empty() ? std::string(key) : map.path + "." + std::string(key)};
  }

  bool expect_map(const Field& at, std::initializer_list<std::string_view> known,
                  std::initializer_list<std::string_view> required) {
    if (at.node->kind != YamlNode::Kind::kMap) {
      problem(at, "must be a map");
      return false;
    }
    for (const auto& [key, value] : at.node->entries) {
      if (std::ranges::find(known, key.scalar) == known.end()) {
        problem({&key, at.path}, "unknown key " + in_quotes(key.scalar) + "; known are " + joined(known));
      }
    }
    for (const std::string_view key : required) {
      if (at.node->find(key) == nullptr) {
        problem(at, "key " + in_quotes(key) + " is missing");
      }
    }
    return true;
  }

  std::optional<std::string> text(const Field& at) {
    if (at.node->kind != YamlNode::Kind::kScalar) {
      problem(at, "must be a text");
      return std::nullopt;
    }
    if (at.node->ambiguous) {
      problem(at, "must be a text; " + in_quotes(at.node->scalar) +
                      " without quotes is something else to YAML readers (a number, a boolean, a null): quote it");
      return std::nullopt;
    }
    return at.node->scalar;
  }

  void expect_text(const Field& at, std::string_view expected) {
    if (at.node == nullptr) {
      return;
    }
    if (const auto value = text(at); value && *value != expected) {
      problem(at, "must be " + in_quotes(expected) + ", not " + in_quotes(*value));
    }
  }

  std::string read_name(const Field& at, const Check& valid, std::string_view what) {
    if (at.node == nullptr) {
      return {};
    }
    std::optional<std::string> value = text(at);
    if (!value) {
      return {};
    }
    if (!valid(*value)) {
      problem(at, in_quotes(*value) + " is not " + std::string(what));
      return {};
    }
    return *std::move(value);
  }

  // `use` gets each item of a list and says what is wrong with it.
  void read_items(const Field& at, const std::function<void(const Field&)>& use) {
    if (at.node == nullptr) {
      return;
    }
    if (at.node->kind != YamlNode::Kind::kSequence) {
      problem(at, "must be a list");
      return;
    }
    if (at.node->items.empty()) {
      problem(at, "must not be empty");
    }
    for (std::size_t i = 0; i < at.node->items.size(); ++i) {
      use(at.item(i));
    }
  }

  std::vector<std::string> read_names(const Field& at, const Check& valid, std::string_view what) {
    std::vector<std::string> names;
    std::unordered_map<std::string, int> line_of;
    read_items(at, [&](const Field& item) {
      std::string name = read_name(item, valid, what);
      if (name.empty()) {
        return;
      }
      if (const auto [first, added] = line_of.emplace(name, item.node->mark.line); !added) {
        problem(item,
                in_quotes(name) + " is repeated; it stands in line " + std::to_string(first->second) + " already");
        return;
      }
      names.push_back(std::move(name));
    });
    return names;
  }

  template <typename Value>
  std::vector<Value> read_values(const Field& at, std::optional<Value> (*value_named)(std::string_view),
                                 std::string_view what, const std::string& known) {
    std::vector<Value> values;
    for (const std::string& name : read_names(
             at, [&](std::string_view text) { return value_named(text).has_value(); },
             std::string(what) + " that can be signed: " + known)) {
      values.push_back(*value_named(name));
    }
    return values;
  }

  // --- the language

  void read_spec(const Field& spec, PolicyModel& model) {
    if (!expect_map(spec,
                    {"trustDomains", "signerDomain", "defaultSigner", "rootNamespace", "routedSigner", "otherSigners",
                     "certificateRequests", "requesters", "issuers", "signers", "certificate", "tenants"},
                    {"trustDomains", "signerDomain", "requesters", "tenants"})) {
      return;
    }
    model.trust_domains = read_names(field(spec, "trustDomains"), is_trust_domain, "a SPIFFE trust domain");
    model.signer_domain = read_name(field(spec, "signerDomain"), is_signer_domain, "a DNS name with a dot");
    model.default_signer = read_name(field(spec, "defaultSigner"), is_signer, kSignerRule);
    model.routed_signer = read_name(field(spec, "routedSigner"), is_signer, kSignerRule);
    model.root_namespace = kDefaultRootNamespace;
    if (const Field root = field(spec, "rootNamespace"); root.node != nullptr) {
      model.root_namespace = read_name(root, is_dns_label, kNamespaceRule);
    }
    if (const std::string others = read_name(
            field(spec, "otherSigners"), [](auto t) { return t == "deny" || t == "pass"; }, "deny or pass");
        others == "pass") {
      model.other_signers = PolicyModel::OtherSigners::kPass;
    }
    if (const std::string requests = read_name(
            field(spec, "certificateRequests"), [](auto t) { return t == "deny" || t == "evaluate"; },
            "deny or evaluate");
        requests == "evaluate") {
      model.certificate_requests = PolicyModel::CertificateRequests::kEvaluate;
    }
    model.requesters = read_requesters(field(spec, "requesters"));
    model.issuers = read_names(field(spec, "issuers"), is_username, "a user name");
    if (const Field certificate = field(spec, "certificate"); certificate.node != nullptr) {
      read_limits(certificate, model.certificate);
      base_certificate_ = certificate.node;
    }
    read_tenants(field(spec, "tenants"), model);
    read_signers(field(spec, "signers"), model);
    check_routed_signer(spec, model);
  }

  std::vector<std::string> read_requesters(const Field& at) {
    return read_names(at, is_username, "a user name such as system:serviceaccount:<namespace>:<name>, or self");
  }

  void read_limits(const Field& at, CertificateLimits& limits) {
    if (!expect_map(at, {"keys", "usages", "maxDuration"}, {})) {
      return;
    }
    if (const Field keys = field(at, "keys"); keys.node != nullptr) {
      limits.keys = read_values(keys, key_type_named, "a key type",
                                joined(kKeyTypes, [](KeyType type) { return to_string(type); }));
    }
    if (const Field usages = field(at, "usages"); usages.node != nullptr) {
      limits.usages =
          read_values(usages, usage_named, "a usage", joined(kUsages, [](Usage usage) { return to_string(usage); }));
    }
    if (const Field duration = field(at, "maxDuration"); duration.node != nullptr) {
      const auto value = text(duration);
      if (!value) {
        return;
      }
      const std::optional<std::chrono::seconds> seconds = parse_duration(*value);
      if (!seconds) {
        problem(duration, in_quotes(*value) + " is not a duration such as 24h or 1h30m (at most 596523h)");
      } else if (*seconds < kMinDuration) {
        problem(duration, in_quotes(*value) + " is shorter than 10m, the least that Kubernetes lets anybody ask for");
      } else {
        limits.max_duration = *seconds;
      }
    }
  }

  void read_tenants(const Field& at, PolicyModel& model) {
    read_items(at, [&](const Field& item) {
      if (!expect_map(item, {"name", "namespaces", "signers", "dnsNames", "requesters", "certificate"},
                      {"name", "namespaces", "signers"})) {
        return;
      }
      PolicyModel::Tenant tenant;
      tenant.name = read_name(field(item, "name"), is_dns_subdomain, "a name of a-z, 0-9, '-' and '.'");
      tenant.namespaces = read_names(field(item, "namespaces"), is_dns_label, kNamespaceRule);
      tenant.signers = read_names(field(item, "signers"), is_signer, kSignerRule);
      tenant.dns_names = read_names(field(item, "dnsNames"), is_dns_subdomain, "a DNS name in lower case");
      tenant.requesters = read_requesters(field(item, "requesters"));
      tenant.certificate = model.certificate;
      if (const Field certificate = field(item, "certificate"); certificate.node != nullptr) {
        read_limits(certificate, tenant.certificate);
      }
      claim(field(item, "name"), tenant.name, tenant.name, tenant_names_);
      claim_each(field(item, "namespaces"), tenant.name, namespaces_);
      claim_each(field(item, "dnsNames"), tenant.name, dns_names_);
      tenant_signers_.insert(tenant.signers.begin(), tenant.signers.end());
      check_limits_complete(item, tenant.certificate);
      model.tenants.push_back(std::move(tenant));
    });
  }

  void check_limits_complete(const Field& tenant, const CertificateLimits& limits) {
    const auto missing = [&](std::string_view what) {
      problem(tenant, "has no certificate." + std::string(what) + " and inherits none from spec.certificate");
    };
    const auto stated = [&](std::string_view what) {  // then what is wrong with it has been said
      const Field own = field(tenant, "certificate");
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

  void claim(const Field& at, const std::string& value, const std::string& tenant, Claims& claims) {
    if (at.node == nullptr || value.empty()) {
      return;
    }
    const auto [first, added] = claims.emplace(value, Claim{tenant, at.node->mark.line});
    const bool repeated_in_tenant = !added && first->second.tenant == tenant && &claims != &tenant_names_;
    if (!added && !repeated_in_tenant) {  // a repeat within one list has been told already
      problem(at, in_quotes(value) + " belongs to tenant " + in_quotes(first->second.tenant) + " already (line " +
                      std::to_string(first->second.line) + ")");
    }
  }

  void claim_each(const Field& at, const std::string& tenant, Claims& claims) {
    if (at.node == nullptr || at.node->kind != YamlNode::Kind::kSequence) {
      return;
    }
    for (std::size_t i = 0; i < at.node->items.size(); ++i) {
      claim(at.item(i), at.node->items[i].scalar, tenant, claims);
    }
  }

  void read_signers(const Field& at, PolicyModel& model) {
    std::unordered_map<std::string, int> line_of;
    read_items(at, [&](const Field& item) {
      if (!expect_map(item, {"name", "secretName"}, {"name", "secretName"})) {
        return;
      }
      PolicyModel::Signer signer{
          .name = read_name(field(item, "name"), is_signer, kSignerRule),
          .secret_name = read_name(field(item, "secretName"), is_dns_subdomain, "a name of a Kubernetes Secret")};
      if (signer.name.empty()) {
        return;
      }
      if (const auto [first, added] = line_of.emplace(signer.name, item.node->mark.line); !added) {
        problem(item, "signer " + in_quotes(signer.name) + " is described in line " + std::to_string(first->second) +
                          " already");
      }
      if (!tenant_signers_.contains(signer.name)) {
        problem(item, "no tenant has signer " + in_quotes(signer.name));
      }
      model.signers.push_back(std::move(signer));
    });
  }

  void check_routed_signer(const Field& spec, const PolicyModel& model) {
    if (model.routed_signer.empty()) {
      return;
    }
    const Field routed = field(spec, "routedSigner");
    if (tenant_signers_.contains(model.routed_signer)) {
      problem(routed,
              in_quotes(model.routed_signer) + " is a signer of a tenant; the routed signer must be a name of its own");
    }
    if (model.routed_signer == model.default_signer) {
      problem(routed,
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
    return !name.empty() && std::ranges::none_of(name, [](char c) { return c <= ' ' || c == '\x7f'; });
  }

  std::string file_;
  std::vector<PolicyProblem> problems_;
  const YamlNode* base_certificate_ = nullptr;
  std::unordered_set<std::string> tenant_signers_;
  Claims tenant_names_;
  Claims namespaces_;
  Claims dns_names_;
};

}  // namespace

std::string to_string(const PolicyProblem& problem) {
  if (problem.line == 0) {
    return problem.file + ": " + problem.message;
  }
  return problem.file + ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column) + ": " +
         problem.message;
}

tl::expected<PolicyModel, std::vector<PolicyProblem>> load_policy(std::string_view yaml, std::string_view file) {
  const tl::expected<YamlNode, std::vector<YamlProblem>> root = parse_yaml(yaml, {.max_bytes = kMaxPolicyBytes});
  if (!root) {
    std::vector<PolicyProblem> problems;
    for (const YamlProblem& problem : root.error()) {
      problems.push_back({std::string(file), problem.mark.line, problem.mark.column, problem.message});
    }
    return tl::unexpected(std::move(problems));
  }
  if (root->kind == YamlNode::Kind::kNull) {
    return tl::unexpected(std::vector<PolicyProblem>{
        {std::string(file), 0, 0, "is empty; a policy has apiVersion, kind, metadata and spec"}});
  }
  PolicyReader reader(file);
  PolicyModel model = reader.read(*root);
  if (std::vector<PolicyProblem> problems = reader.take_problems(); !problems.empty()) {
    return tl::unexpected(std::move(problems));
  }
  return model;
}

}  // namespace signet
