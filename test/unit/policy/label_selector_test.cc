#include "policy/label_selector.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

using Operator = LabelSelector::Operator;
using Requirement = LabelSelector::Requirement;

TEST_CASE("A requirement holds as in Kubernetes") {
  struct Case {
    std::string name;
    Requirement requirement;
    Labels labels;
    bool holds;
  };
  const std::vector<Case> cases = {
      {"In: the value", {"env", Operator::kIn, {"prod", "test"}}, {{"env", "test"}}, true},
      {"In: another value", {"env", Operator::kIn, {"prod", "test"}}, {{"env", "dev"}}, false},
      {"In: no such label", {"env", Operator::kIn, {"prod", "test"}}, {{"team", "prod"}}, false},
      {"In: the empty value", {"env", Operator::kIn, {""}}, {{"env", ""}}, true},
      {"In: the empty value, no such label", {"env", Operator::kIn, {""}}, {}, false},
      {"NotIn: the value", {"env", Operator::kNotIn, {"prod"}}, {{"env", "prod"}}, false},
      {"NotIn: another value", {"env", Operator::kNotIn, {"prod"}}, {{"env", "dev"}}, true},
      {"NotIn: no such label", {"env", Operator::kNotIn, {"prod"}}, {}, true},
      {"NotIn: the empty value", {"env", Operator::kNotIn, {""}}, {{"env", ""}}, false},
      {"Exists: any value", {"env", Operator::kExists, {}}, {{"env", "x"}}, true},
      {"Exists: the empty value", {"env", Operator::kExists, {}}, {{"env", ""}}, true},
      {"Exists: no such label", {"env", Operator::kExists, {}}, {{"envs", "x"}}, false},
      {"DoesNotExist: any value", {"env", Operator::kDoesNotExist, {}}, {{"env", "x"}}, false},
      {"DoesNotExist: no such label", {"env", Operator::kDoesNotExist, {}}, {}, true},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) { CHECK(LabelSelector{.requirements = {c.requirement}}.matches(c.labels) == c.holds); }
  }
}

TEST_CASE("A selector selects where all of its requirements hold") {
  const LabelSelector selector{
      .requirements = {{"team", Operator::kIn, {"shop"}}, {"legacy", Operator::kDoesNotExist, {}}}};
  CHECK(selector.matches({{"team", "shop"}, {"other", "x"}}));
  CHECK_FALSE(selector.matches({{"team", "shop"}, {"legacy", ""}}));
  CHECK_FALSE(selector.matches({}));
}

TEST_CASE("A selector is told as kubectl writes it, in one order") {
  const LabelSelector selector{.requirements = {{"team", Operator::kIn, {"shop"}},
                                                {"env", Operator::kIn, {"test", "prod"}},
                                                {"tier", Operator::kNotIn, {"", "web"}},
                                                {"owned", Operator::kExists, {}},
                                                {"legacy", Operator::kDoesNotExist, {}}}};
  CHECK(to_string(selector) == "!legacy, env in (prod, test), owned, team=shop, tier notin (, web)");
  LabelSelector turned{.requirements = {selector.requirements.rbegin(), selector.requirements.rend()}};
  std::ranges::reverse(turned.requirements[3].values);
  CHECK(to_string(turned) == to_string(selector));
}

}  // namespace
}  // namespace signet
