#include "policy/namespace_guard.h"

#include <algorithm>

#include "policy/quoting.h"

namespace signet {
namespace {

std::string_view value_of(const Labels* labels, const std::string& key) {
  if (labels == nullptr) {
    return {};
  }
  const auto label = labels->find(key);
  return label == labels->end() ? std::string_view() : label->second;
}

bool has(const Labels* labels, const std::string& key) { return labels != nullptr && labels->contains(key); }

}  // namespace

std::optional<Finding> refuse_namespace(const Policy& policy, std::string_view ns, const Labels* before,
                                        const Labels& after, const std::vector<std::string>& groups) {
  const std::vector<std::string>& admins = policy.model().namespace_admins;
  if (admins.empty() || std::ranges::any_of(admins, [&](const std::string& group) {
        return std::ranges::find(groups, group) != groups.end();
      })) {
    return std::nullopt;
  }
  const auto refuse = [&](const std::string& what) {
    return Finding{.reason = Reason::kNamespaceNotAllowed,
                   .message = what + "; only members of " + joined(admins, in_quotes) + " do that (namespaceAdmins)"};
  };
  for (const std::string& key : policy.tenancy().deciding_labels()) {
    if (has(before, key) != has(&after, key) || value_of(before, key) != value_of(&after, key)) {
      return refuse("label " + in_quotes(key) + " of namespace " + in_quotes(ns) + " was " +
                    (before == nullptr   ? "set"
                     : !has(&after, key) ? "taken away"
                     : has(before, key)  ? "changed"
                                         : "added") +
                    ", which decides whose a namespace is");
    }
  }
  using Kind = Tenancy::Owner::Kind;
  const Tenancy& tenancy = policy.tenancy();
  const Tenancy::Owner owner = tenancy.owner_of(ns, &after);
  if (before == nullptr ? owner.kind != Kind::kNobody : owner != tenancy.owner_of(ns, before)) {
    return refuse("namespace " + in_quotes(ns) + " would be a tenant's by its name or labels");
  }
  return std::nullopt;
}

}  // namespace signet
