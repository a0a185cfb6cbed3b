#include "policy/namespace_guard.h"

#include <catch2/catch.hpp>

#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

constexpr std::string_view kTenants = R"(
  namespaceAdmins: [platform, onboarding]
  tenants:
  - {name: foo, namespaces: [foo, foo-*], signers: [foo]}
  - {name: bar, namespaces: ['*-bar'], signers: [bar]}
  - {name: baz, namespaceSelector: {matchLabels: {team: baz, kubernetes.io/metadata.name: x}}, signers: [baz]}
)";

std::string answer(const Policy& policy, std::string_view ns, const std::optional<Labels>& before, const Labels& after,
                   const std::vector<std::string>& groups) {
  const auto finding = refuse_namespace(policy, ns, before ? &*before : nullptr, after, groups);
  return finding ? to_line(*finding) : "";
}

TEST_CASE("Only namespaceAdmins may make a namespace a tenant's") {
  const Policy policy = policy_of(kTenants);
  const std::string refused = "signet: NamespaceNotAllowed: ";
  const std::string only = "; only members of \"platform\", \"onboarding\" do that (namespaceAdmins)";
  const std::string by_name = " would be a tenant's by its name or labels" + only;
  const std::string decides = ", which decides whose a namespace is" + only;
  struct Case {
    std::string name;
    std::string ns;
    std::optional<Labels> before;
    Labels after;
    std::string expected;
  };
  const std::vector<Case> cases = {
      {"a new one of nobody's", "other", std::nullopt, {{"kubernetes.io/metadata.name", "other"}, {"a", "b"}}, ""},
      {"a new one by its name", "foo", std::nullopt, {}, refused + "namespace \"foo\"" + by_name},
      {"a new one by its beginning", "foo-1", std::nullopt, {}, refused + "namespace \"foo-1\"" + by_name},
      {"a new one by its end", "1-bar", std::nullopt, {}, refused + "namespace \"1-bar\"" + by_name},
      {"a new one that would be two tenants'",
       "foo-bar",
       std::nullopt,
       {},
       refused + "namespace \"foo-bar\"" + by_name},
      {"a new one with a label that decides",
       "other",
       std::nullopt,
       {{"team", "whatever"}},
       refused + "label \"team\" of namespace \"other\" was set" + decides},
      {"a label that decides is added",
       "other",
       Labels{},
       {{"team", "baz"}},
       refused + "label \"team\" of namespace \"other\" was added" + decides},
      {"changed",
       "other",
       Labels{{"team", "baz"}},
       {{"team", "bar"}},
       refused + "label \"team\" of namespace \"other\" was changed" + decides},
      {"changed to nothing",
       "other",
       Labels{{"team", "baz"}},
       {{"team", ""}},
       refused + "label \"team\" of namespace \"other\" was changed" + decides},
      {"taken away",
       "other",
       Labels{{"team", "baz"}},
       {},
       refused + "label \"team\" of namespace \"other\" was taken away" + decides},
      {"the empty value is taken away",
       "other",
       Labels{{"team", ""}},
       {},
       refused + "label \"team\" of namespace \"other\" was taken away" + decides},
      {"other labels", "foo", Labels{{"team", "x"}, {"a", "b"}}, {{"team", "x"}, {"c", "d"}}, ""},
      {"nothing", "foo", Labels{}, {}, ""},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      CHECK(answer(policy, c.ns, c.before, c.after, {"system:authenticated", "platforms"}) == c.expected);
      CHECK(answer(policy, c.ns, c.before, c.after, {"system:authenticated", "onboarding"}).empty());
    }
  }
}

TEST_CASE("Where no label asked for may be there, a new namespace without it is a tenant's") {
  const Policy policy = policy_of(R"(
  namespaceAdmins: [platform]
  tenants:
  - {name: rest, namespaceSelector: {matchExpressions: [{key: own, operator: DoesNotExist}]}, signers: [rest]}
)");
  CHECK_FALSE(answer(policy, "a", std::nullopt, {}, {}).empty());
  CHECK_FALSE(answer(policy, "a", std::nullopt, {{"own", "x"}}, {}).empty());
  CHECK(answer(policy, "a", std::nullopt, {}, {"platform"}).empty());
}

TEST_CASE("Where the policy names nobody, nobody is refused") {
  const Policy policy = policy_of("  tenants:\n  - {name: foo, namespaces: [foo-*], signers: [foo]}\n");
  CHECK(answer(policy, "foo-1", std::nullopt, {}, {}).empty());
}

TEST_CASE("The guard is never relaxed") { CHECK_FALSE(can_be_relaxed(Reason::kNamespaceNotAllowed)); }

}  // namespace
}  // namespace signet
