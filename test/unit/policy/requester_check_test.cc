#include "policy/requester_check.h"

#include <catch2/catch.hpp>

#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

TEST_CASE("Who is listed may ask, by a user name or a group and never by one in place of the other") {
  const Policy policy = policy_of(R"(
  requesterGroups: [operators]
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo], requesters: [alice], requesterGroups: [friends]}
  - {name: bar, namespaces: [bar], signers: [bar]}
)");
  struct Case {
    std::string name;
    std::string requester;
    std::vector<std::string> groups;
    bool for_foo, for_bar;
  };
  const std::vector<Case> cases = {
      {"a user listed for all", std::string(kIstiod), {}, true, true},
      {"a member of a group listed for all", "bob", {"x", "operators"}, true, true},
      {"a user listed for a tenant", "alice", {}, true, false},
      {"a member of a group listed for a tenant", "bob", {"friends"}, true, false},
      {"a user called like a group", "operators", {}, false, false},
      {"a user called like a tenant's group", "friends", {}, false, false},
      {"a member of a group called like a user", "bob", {std::string(kIstiod), "alice"}, false, false},
      {"a member of a group that begins alike", "bob", {"operators2", "operator"}, false, false},
      {"somebody called self, in a group called self", "self", {"self"}, false, false},
      {"nobody", "", {}, false, false},
      {"the identity's own account", "system:serviceaccount:foo:app", {"system:serviceaccounts:foo"}, true, false},
      {"its user name without its group", "system:serviceaccount:foo:app", {}, false, false},
      {"its user name with another's group",
       "system:serviceaccount:foo:app",
       {"system:serviceaccounts:bar"},
       false,
       false},
      {"its group without its user name", "bob", {"system:serviceaccounts:foo"}, false, false},
      {"another account of its namespace",
       "system:serviceaccount:foo:other",
       {"system:serviceaccounts:foo"},
       false,
       false},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      for (const auto& [tenant, may] : {std::pair<std::string, bool>("foo", c.for_foo), {"bar", c.for_bar}}) {
        CAPTURE(tenant);
        const SigningRequest request = asked_by(c.requester, c.groups, workload_request(tenant, "app", tenant));
        CHECK(codes(policy.evaluate(request, KnownNamespaces())) == (may ? "" : "RequesterNotAllowed"));
      }
    }
  }
}

TEST_CASE("Where self is listed for a tenant, that tenant's accounts alone may ask for themselves") {
  PolicyModel model = model_of(R"(
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo], requesters: [self]}
  - {name: bar, namespaces: [bar], signers: [bar]}
)");
  model.requesters = {"nobody-else"};
  const Policy policy(std::move(model), "digest");
  for (const auto& [ns, expected] : {std::pair<std::string, std::string>("foo", ""), {"bar", "RequesterNotAllowed"}}) {
    const SigningRequest request = asked_by("system:serviceaccount:" + ns + ":app", {"system:serviceaccounts:" + ns},
                                            workload_request(ns, "app", ns));
    CHECK(codes(policy.evaluate(request, KnownNamespaces())) == expected);
  }
}

TEST_CASE("The entry that lets somebody ask is told, a name before a group before self") {
  const Policy policy = policy_of(R"(
  requesterGroups: ["system:serviceaccounts:foo"]
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo], requesters: [alice]}
)");
  const auto listed = [&](const std::string& requester, const std::vector<std::string>& groups) {
    const SigningRequest request = asked_by(requester, groups, workload_request("foo", "app", "foo"));
    const CheckedRequester checked =
        check_requester(policy.model(), request, subject_of(policy, *request.pkcs10, "foo", KnownNamespaces()));
    CHECK((checked.listed == nullptr) == checked.finding.has_value());
    return checked.listed == nullptr ? "" : *checked.listed;
  };
  const std::string own_group = "system:serviceaccounts:foo";
  CHECK(listed(std::string(kIstiod), {own_group}) == kIstiod);
  CHECK(listed("system:serviceaccount:foo:app", {own_group}) == own_group);
  CHECK(listed("alice", {}) == "alice");
  CHECK(listed("bob", {}).empty());
}

TEST_CASE("A request that is refused for its requester says which lists would let it") {
  const Policy policy = policy_of("  tenants:\n  - {name: foo, namespaces: [foo], signers: [foo]}\n");
  const SigningRequest request = asked_by("alice", {}, workload_request("foo", "app", "foo"));
  CHECK(to_message(policy.evaluate(request, KnownNamespaces()).findings) ==
        "signet: RequesterNotAllowed: \"alice\" may not ask for \"spiffe://cluster.local/ns/foo/sa/app\"; allowed are "
        "the accounts listed in requesters and tenants[foo].requesters");
}

}  // namespace
}  // namespace signet
