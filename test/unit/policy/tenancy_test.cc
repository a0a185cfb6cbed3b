#include "policy/tenancy.h"

#include <catch2/catch.hpp>
#include <memory>

#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

using Kind = Tenancy::Owner::Kind;

constexpr std::string_view kTenants = R"(
  namespaceAdmins: [platform]
  tenants:
  - {name: shop, namespaces: [shop, shop-*, '*-shop'], signers: [shop]}
  - {name: bank, namespaces: [bank-*, '*-bank'], signers: [bank]}
  - name: team
    namespaces: [team-room]
    namespaceSelector: {matchLabels: {team: team}}
    signers: [team]
  - name: test
    namespaceSelector:
      matchExpressions:
      - {key: env, operator: In, values: [test, dev]}
      - {key: team, operator: Exists}
    signers: [test]
  - name: owned
    namespaceSelector: {matchExpressions: [{key: owner, operator: Exists}]}
    signers: [owned]
  - name: rest
    namespaceSelector: {matchExpressions: [{key: rest, operator: NotIn, values: ['no']}, {key: env, operator: DoesNotExist}, {key: team, operator: DoesNotExist}, {key: owner, operator: DoesNotExist}]}
    signers: [rest]
)";

// Who owns it: a tenant's name, or nobody, unknown, contested.
std::string owner(const PolicyModel& model, const Tenancy& tenancy, std::string_view ns, const Labels* labels) {
  const Tenancy::Owner found = tenancy.owner_of(ns, labels);
  switch (found.kind) {
    case Kind::kTenant:
      return model.tenants[found.tenant].name;
    case Kind::kNobody:
      return "nobody";
    case Kind::kUnknown:
      return "unknown";
    case Kind::kContested:
      return "contested";
  }
  return {};
}

TEST_CASE("A namespace is whose its name says, else whose its labels say, and nobody's where two could have it") {
  struct Case {
    std::string name;
    std::string ns;
    std::optional<Labels> labels;
    std::string owner;
  };
  const std::vector<Case> cases = {
      {"by its whole name", "shop", std::nullopt, "shop"},
      {"by its beginning", "shop-berlin", std::nullopt, "shop"},
      {"by its end", "berlin-shop", std::nullopt, "shop"},
      {"by both, of one tenant", "shop-old-shop", std::nullopt, "shop"},
      {"by its beginning and its end, of two tenants", "shop-bank", std::nullopt, "contested"},
      {"the same the other way around", "bank-shop", std::nullopt, "contested"},
      {"contested by name, whatever its labels", "shop-bank", Labels{{"team", "team"}}, "contested"},
      {"a name before all labels", "shop-1", Labels{{"team", "team"}}, "shop"},
      {"a tenant's name, another's labels", "team-room", Labels{{"owner", "x"}}, "team"},
      {"by a label", "a", Labels{{"team", "team"}}, "team"},
      {"by one of several values and another label", "a", Labels{{"env", "dev"}, {"team", "x"}}, "test"},
      {"by a label's being there", "a", Labels{{"owner", ""}}, "owned"},
      {"by labels' not being there", "a", Labels{}, "rest"},
      {"not where another label is there", "a", Labels{{"env", "prod"}}, "nobody"},
      {"not with a value that is ruled out", "a", Labels{{"rest", "no"}}, "nobody"},
      {"by labels of two tenants", "a", Labels{{"team", "team"}, {"owner", "x"}}, "contested"},
      {"by labels of three tenants", "a", Labels{{"team", "team"}, {"owner", "x"}, {"env", "test"}}, "contested"},
      {"labels that are not known", "a", std::nullopt, "unknown"},
      {"a name that only begins like a whole one", "shops", Labels{{"env", "x"}}, "nobody"},
  };
  const PolicyModel model = model_of(kTenants);
  const Tenancy tenancy(model.tenants);
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const auto labels = c.labels ? std::make_shared<const Labels>(*c.labels) : nullptr;
      CHECK(owner(model, tenancy, c.ns, labels.get()) == c.owner);
      const KnownNamespaces namespaces({{c.ns, labels}});
      CHECK(tenancy.owner_of(c.ns, namespaces) == tenancy.owner_of(c.ns, labels.get()));
    }
  }
}

TEST_CASE("Where no tenant asks for labels, none are looked for") {
  class Nobody final : public NamespaceLabels {
   public:
    [[nodiscard]] std::shared_ptr<const Labels> find(std::string_view /*ns*/) const override {
      FAIL("asked for labels");
      return nullptr;
    }
  };
  const PolicyModel model = model_of("  tenants:\n  - {name: a, namespaces: [a], signers: [a]}\n");
  const Tenancy tenancy(model.tenants);
  CHECK_FALSE(tenancy.asks_labels());
  CHECK(tenancy.deciding_labels().empty());
  CHECK(tenancy.owner_of("a", Nobody()).kind == Kind::kTenant);
  CHECK(tenancy.owner_of("b", Nobody()).kind == Kind::kNobody);
}

TEST_CASE("The labels that decide are told, but for the one that is the name") {
  const PolicyModel model = model_of(R"(
  namespaceAdmins: [platform]
  tenants:
  - {name: a, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: a, team: a}}, signers: [a]}
  - {name: b, namespaceSelector: {matchExpressions: [{key: env, operator: DoesNotExist}, {key: team, operator: In, values: [b]}]}, signers: [b]}
)");
  const Tenancy tenancy(model.tenants);
  CHECK(tenancy.asks_labels());
  CHECK(tenancy.deciding_labels() == std::vector<std::string>{"env", "team"});
}

TEST_CASE("Whatever label a selector is found by, it is found where it selects") {
  // The first label is of all of them, the second of one each.
  std::string tenants = "  namespaceAdmins: [platform]\n  tenants:\n";
  for (int i = 0; i < 20; ++i) {
    const std::string name = "t" + std::to_string(i);
    tenants += "  - {name: " + name + ", namespaceSelector: {matchLabels: {mesh: 'on', team: " + name +
               "}}, signers: [" + name + "]}\n";
  }
  const PolicyModel model = model_of(tenants);
  const Tenancy tenancy(model.tenants);
  const Labels labels = {{"mesh", "on"}, {"team", "t7"}};
  CHECK(owner(model, tenancy, "a", &labels) == "t7");
  const Labels half = {{"team", "t7"}};
  CHECK(owner(model, tenancy, "a", &half) == "nobody");
  const Labels nothing = {{"mesh", "on"}};
  CHECK(owner(model, tenancy, "a", &nothing) == "nobody");
}

}  // namespace
}  // namespace signet
