#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "signer/kube/kube_api.h"

namespace signet {

bool AccessRule::grants(const AccessQuestion& question) const {
  const auto has = [](const std::vector<std::string>& all, std::string_view wanted) {
    return std::ranges::find(all, wanted) != all.end() || std::ranges::find(all, "*") != all.end();
  };
  const std::string resource = question.resource + (question.subresource.empty() ? "" : "/" + question.subresource);
  return question.name_space.empty() && has(verbs, question.verb) && has(groups, question.group) &&
         has(resources, resource) && (names.empty() || names.contains(question.name));
}

}  // namespace signet
