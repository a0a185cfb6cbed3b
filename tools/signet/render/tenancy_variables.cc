#include "tools/signet/render/tenancy_variables.h"

#include <map>
#include <string>

#include "policy/quoting.h"
#include "tools/signet/render/cel.h"

namespace signet {
namespace {

using Texts = std::map<std::string, std::string>;

// Whether the labels of the namespace meet the selector.
std::string meets(const LabelSelector& selector) {
  using Operator = LabelSelector::Operator;
  std::string all;
  for (const LabelSelector::Requirement& requirement : selector.requirements) {
    const std::string key = cel_text(requirement.key);
    const std::string has = key + " in variables.labels";
    const std::string is_in = has + " && variables.labels[" + key + "] in " + cel_list(requirement.values);
    all += all.empty() ? "" : " && ";
    switch (requirement.op) {
      case Operator::kIn:
        all += is_in;
        break;
      case Operator::kNotIn:
        all += "!(" + is_in + ")";
        break;
      case Operator::kExists:
        all += has;
        break;
      case Operator::kDoesNotExist:
        all += "!(" + has + ")";
        break;
    }
  }
  return all;
}

// The one tenant of a list, `otherwise` where there is none, nobody where there are two.
std::string the_one_of(const std::string& list, const std::string& otherwise) {
  return list + ".size() > 0 ? (" + list + ".all(t, t == " + list + "[0]) ? " + list + "[0] : \"\") : " + otherwise;
}

}  // namespace

std::vector<AdmissionPolicy::Variable> tenancy_variables(const Policy& policy) {
  Texts names;
  Texts prefixes;
  Texts suffixes;
  std::vector<std::string> selected;
  for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
    const std::string name = cel_text(tenant.name);
    for (const NamePattern& pattern : tenant.namespaces) {
      Texts& texts = pattern.kind() == NamePattern::Kind::kExact    ? names
                     : pattern.kind() == NamePattern::Kind::kPrefix ? prefixes
                                                                    : suffixes;
      texts.emplace(pattern.text(), name);
    }
    if (tenant.namespace_selector) {
      selected.push_back(meets(*tenant.namespace_selector) + " ? " + name + " : \"\"");
    }
  }
  std::vector<AdmissionPolicy::Variable> variables;
  std::string tenant = "\"\"";
  if (!selected.empty()) {
    variables.push_back({"labels", "namespaceObject.metadata.?labels.orValue({})"});
    variables.push_back({"selected", "[" + joined(selected) + "].filter(t, t != \"\")"});
    tenant = the_one_of("variables.selected", tenant);
  }
  if (!prefixes.empty() || !suffixes.empty()) {
    variables.push_back({"prefixes", cel_map(prefixes)});
    variables.push_back({"suffixes", cel_map(suffixes)});
    variables.push_back({"claimed",
                         "variables.prefixes.map(p, request.namespace.startsWith(p), variables.prefixes[p]) + "
                         "variables.suffixes.map(s, request.namespace.endsWith(s), variables.suffixes[s])"});
    tenant = the_one_of("variables.claimed", "(" + tenant + ")");
  }
  if (!names.empty()) {
    tenant = cel_map(names) + "[?request.namespace].orValue(" + tenant + ")";
  }
  variables.push_back({"tenant", std::move(tenant)});
  return variables;
}

}  // namespace signet
