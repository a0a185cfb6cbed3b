#include "policy/request_subject.h"

#include <catch2/catch.hpp>
#include <memory>

#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

constexpr std::string_view kTenants = R"(
  namespaceAdmins: [platform]
  tenants:
  - {name: foo, namespaces: [foo-*], signers: [foo]}
  - {name: bar, namespaces: ['*-bar'], signers: [bar]}
  - {name: baz, namespaceSelector: {matchLabels: {team: baz}}, signers: [baz]}
  - {name: qux, namespaceSelector: {matchExpressions: [{key: qux, operator: Exists}]}, signers: [qux]}
)";

std::string answer(const Policy& policy, const std::string& ns, const std::string& signer,
                   const std::optional<Labels>& labels) {
  const KnownNamespaces namespaces({{ns, labels ? std::make_shared<const Labels>(*labels) : nullptr}});
  return to_message(policy.evaluate(workload_request(ns, "app", signer), namespaces).findings);
}

TEST_CASE("A workload is its namespace's tenant's, and refused where that cannot be told") {
  const Policy policy = policy_of(kTenants);
  const auto [ns, signer, labels,
              expected] = GENERATE(table<std::string, std::string, std::optional<Labels>, std::string>({
      {"foo-1", "foo", std::nullopt, ""},
      {"1-bar", "bar", std::nullopt, ""},
      {"x", "baz", Labels{{"team", "baz"}}, ""},
      {"x", "qux", Labels{{"qux", ""}}, ""},
      {"foo-1", "baz", Labels{{"team", "baz"}},
       "signet: SignerNotAllowed: asked for signer \"baz\"; tenant \"foo\" may use \"foo\" (tenants[foo].signers)"},
      {"x", "baz", Labels{{"team", "BAZ"}},
       "signet: NoTenant: namespace \"x\" belongs to no tenant (tenants[].namespaces, tenants[].namespaceSelector); "
       "nothing is signed for it"},
      {"x", "baz", std::nullopt,
       "signet: NoTenant: namespace \"x\" is no tenant's by its name, and its labels are not known "
       "(tenants[].namespaceSelector); nothing is signed for it"},
      {"foo-bar", "foo", std::nullopt,
       "signet: NoTenant: namespace \"foo-bar\" could be more than one tenant's (tenants[].namespaces, "
       "tenants[].namespaceSelector); nothing is signed for it"},
      {"x", "baz", Labels{{"team", "baz"}, {"qux", ""}},
       "signet: NoTenant: namespace \"x\" could be more than one tenant's (tenants[].namespaces, "
       "tenants[].namespaceSelector); nothing is signed for it"},
  }));
  CAPTURE(ns, signer);
  CHECK(answer(policy, ns, signer, labels) == expected);
}

TEST_CASE("The labels count that a namespace has as it is asked about, not those it had") {
  const Policy policy = policy_of(kTenants);
  CHECK(answer(policy, "x", "baz", Labels{{"team", "baz"}}).empty());
  CHECK_FALSE(answer(policy, "x", "baz", Labels{}).empty());
  CHECK(answer(policy, "x", "baz", Labels{{"team", "baz"}}).empty());
}

TEST_CASE("Nothing is adjusted where it cannot be told whose a namespace is") {
  const Policy policy = policy_of(kTenants);
  SigningRequest request = workload_request("x", "app", "baz");
  request.expiration_seconds = std::nullopt;
  CHECK_FALSE(policy.adjust(request, KnownNamespaces()).expiration_seconds);
  const KnownNamespaces known({{"x", std::make_shared<const Labels>(Labels{{"team", "baz"}})}});
  CHECK(policy.adjust(request, known).expiration_seconds == 86400);
  CHECK(policy.tenant_of_namespace("x", KnownNamespaces()) == nullptr);
  REQUIRE(policy.tenant_of_namespace("x", known) != nullptr);
  CHECK(policy.tenant_of_namespace("x", known)->name == "baz");
}

}  // namespace
}  // namespace signet
