#include "webhook/pod_review.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/locked_variables.h"
#include "policy/quoting.h"
#include "policy/signer_choice.h"
#include "policy/yaml_document.h"

namespace signet {
namespace {

// Kubernetes lets all annotations of an object together have this much.
constexpr std::size_t kMaxAnnotationBytes = 256U << 10U;

// Gathers what is wrong with the places of one Pod where a signer can be named.
class PodReader {
 public:
  PodReader(const AdmissionRequest& request, const ReviewContext& context)
      : request_(request),
        policy_(context.policy),
        proxies_{.ns = request.name_space,
                 .tenant = context.policy.tenant_of_namespace(request.name_space, context.namespaces),
                 .service_account = request.object.at("spec", "serviceAccountName").as_string().value_or("default")} {}

  void read() {
    read_annotation(request_.object.at("metadata", "annotations").get(kProxyConfigAnnotation));
    for (const std::string_view list : {"initContainers", "containers", "ephemeralContainers"}) {
      std::size_t index = 0;
      for (const JsonView container : request_.object.at("spec", list).elements()) {
        read_environment(container, "spec." + std::string(list) + "[" + std::to_string(index++) + "].env");
      }
    }
  }

  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] bool names_the_default() const { return names_the_default_; }

 private:
  void judge_choice(std::string_view signer, const std::string& place) {
    if (!policy_.model().default_signer.empty() && signer == policy_.model().default_signer) {
      names_the_default_ = proxies_.tenant == nullptr || refuse_signer_choice(policy_, proxies_, signer, place);
      return;
    }
    if (auto finding = refuse_signer_choice(policy_, proxies_, signer, place)) {
      findings_.push_back(*std::move(finding));
    }
  }

  void undecidable(const std::string& message) {
    findings_.push_back({.reason = Reason::kSignerNotAllowed,
                         .message = message,
                         .mode = policy_.mode_of(Reason::kSignerNotAllowed, proxies_.tenant, {})});
  }

  void judge_variable(std::string_view name, std::optional<std::string_view> value, const std::string& place) {
    if (auto finding = refuse_variable(policy_, proxies_.tenant, name, value, place)) {
      findings_.push_back(*std::move(finding));
    }
  }

  void read_annotation(JsonView annotation) {
    const std::string place = "annotation " + std::string(kProxyConfigAnnotation);
    const auto malformed = [&](const std::string& message) {
      findings_.push_back({Reason::kRequestMalformed, place + ": " + message});
    };
    if (annotation.is_absent_or_null()) {
      return;
    }
    const auto text = annotation.as_string();
    if (!text) {
      return malformed("must be a text");
    }
    const auto document = parse_yaml(*text, {.max_bytes = kMaxAnnotationBytes});
    if (!document) {
      for (const YamlProblem& problem : document.error()) {
        malformed(std::to_string(problem.mark.line) + ":" + std::to_string(problem.mark.column) + ": " +
                  problem.message);
      }
      return;
    }
    if (document->kind == YamlNode::Kind::kNull) {
      return;
    }
    if (document->kind != YamlNode::Kind::kMap) {
      return malformed("must be a map");
    }
    for (const std::string_view key : {"proxyMetadata", "proxy_metadata"}) {
      const YamlNode* const metadata = document->find(key);
      if (metadata == nullptr || metadata->kind == YamlNode::Kind::kNull) {
        continue;
      }
      if (metadata->kind != YamlNode::Kind::kMap) {
        malformed(std::string(key) + ": must be a map");
        continue;
      }
      for (const auto& [name, value] : metadata->entries) {
        const std::string variable_place = place + ", " + std::string(key) + "." + name.scalar;
        const bool is_text = value.kind == YamlNode::Kind::kScalar && !value.ambiguous;
        if (name.scalar != kCertSignerVariable) {
          judge_variable(name.scalar, is_text ? std::optional<std::string_view>(value.scalar) : std::nullopt,
                         variable_place);
        } else if (!is_text) {
          undecidable(variable_place + " is not a text; write the signer's name");
        } else {
          judge_choice(value.scalar, variable_place);
        }
      }
    }
  }

  // Of the proxy's own container every variable matters; what an application does with one that has the name of a
  // locked one is its own business.
  void read_environment(JsonView container, const std::string& place) {
    const bool is_proxy = container.get("name").as_string() == kProxyContainer;
    if (is_proxy && container.get("envFrom").size() > 0) {
      for (const PolicyModel::LockedVariable& variable : policy_.model().locked_variables) {
        judge_variable(variable.name, std::nullopt, place + "From");
      }
    }
    std::size_t index = 0;
    for (const JsonView variable : container.get("env").elements()) {
      const std::string variable_place = place + "[" + std::to_string(index++) + "]";
      const auto value = variable.get("value").as_string();
      const std::string_view name = variable.get("name").as_string().value_or("");
      const bool is_from_elsewhere =
          !variable.get("valueFrom").is_absent_or_null() || (value && value->find("$(") != std::string_view::npos);
      if (name != kCertSignerVariable) {
        if (is_proxy) {
          judge_variable(name, is_from_elsewhere ? std::nullopt : std::optional(value.value_or("")), variable_place);
        }
      } else if (!variable.get("valueFrom").is_absent_or_null()) {
        undecidable(variable_place + " takes " + std::string(kCertSignerVariable) +
                    " from elsewhere (valueFrom), where nobody can judge it; write the signer's name");
      } else if (is_from_elsewhere) {
        undecidable(variable_place + " makes " + std::string(kCertSignerVariable) + " of other variables (" +
                    in_quotes(*value) + "), which nobody can judge; write the signer's name");
      } else {
        judge_choice(value.value_or(""), variable_place);
      }
    }
  }

  const AdmissionRequest& request_;
  const Policy& policy_;
  const ConfiguredProxies proxies_;
  std::vector<Finding> findings_;
  bool names_the_default_ = false;
};

}  // namespace

ReviewOutcome validate_pod(const AdmissionRequest& request, const ReviewContext& context) {
  if (request.operation != AdmissionRequest::Operation::kCreate || !request.sub_resource.empty()) {
    return pass();
  }
  if (!request.object.is_object()) {
    return judge(request, {{Reason::kRequestMalformed, "request.object: must be an object"}}, context);
  }
  PodReader reader(request, context);
  reader.read();
  ReviewOutcome outcome = judge(request, reader.findings(), context);
  if (outcome.answer.allowed && reader.names_the_default()) {
    outcome.answer.warnings.push_back(
        "signet: the pod asks for the mesh's default signer " + in_quotes(context.policy.model().default_signer) +
        ", which signs nothing for namespace " + in_quotes(request.name_space) + "; a ProxyConfig should name its own");
  }
  return outcome;
}

}  // namespace signet
