#include "policy/workload_signers.h"

#include <catch2/catch.hpp>

#include "policy/quoting.h"
#include "policy/signer_choice.h"
#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

constexpr std::string_view kTenants = R"(
  routedSigner: routed
  tenants:
  - name: shop
    namespaces: [shop, till]
    signers: [shop, shop-old]
    serviceAccounts:
    - {name: batch, signers: [batch]}
    - {name: batch, namespace: till, signers: [till-batch, batch]}
    - {name: cash, namespace: till, signers: [cash]}
  - {name: bank, namespaces: [bank], signers: [bank]}
)";

TEST_CASE(
    "A service account has the signers of the entry for its namespace, else of that for its name, else its tenant's") {
  const Policy policy = policy_of(kTenants);
  const PolicyModel::Tenant& shop = policy.model().tenants[0];
  struct Case {
    std::string ns, account;
    std::vector<std::string> signers;
    std::string rule;
  };
  const std::vector<Case> cases = {
      {"shop", "app", {"shop", "shop-old"}, "tenants[shop].signers"},
      {"shop", "batch", {"batch"}, "tenants[shop].serviceAccounts[batch].signers"},
      {"till", "batch", {"till-batch", "batch"}, "tenants[shop].serviceAccounts[batch].signers"},
      {"till", "cash", {"cash"}, "tenants[shop].serviceAccounts[cash].signers"},
      {"shop", "cash", {"shop", "shop-old"}, "tenants[shop].signers"},
      {"", "", {"shop", "shop-old"}, "tenants[shop].signers"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.ns, c.account);
    CHECK(signers_of_account(shop, c.ns, c.account) == c.signers);
    CHECK(signers_rule(shop, c.ns, c.account) == c.rule);
    const std::string who = c.rule == "tenants[shop].signers" ? "" : "service account \"" + c.account + "\" of ";
    CHECK(may_use_text(shop, c.ns, c.account) ==
          who + "tenant \"shop\" may use " + joined(c.signers, in_quotes) + " (" + c.rule + ")");
  }
  CHECK(signers_of_tenant(shop) == std::vector<std::string>{"shop", "shop-old", "batch", "till-batch", "cash"});
  CHECK(policy.signers() == std::vector<std::string>{"bank", "batch", "cash", "shop", "shop-old", "till-batch"});
}

TEST_CASE("A workload is signed for by the signers of its account alone") {
  const Policy policy = policy_of(kTenants);
  const auto [ns, account, signer, expected] = GENERATE(table<std::string, std::string, std::string, std::string>({
      {"shop", "app", "shop-old", ""},
      {"shop", "app", "batch", "SignerNotAllowed"},
      {"shop", "batch", "batch", ""},
      {"shop", "batch", "shop", "SignerNotAllowed"},
      {"shop", "batch", "till-batch", "SignerNotAllowed"},
      {"till", "batch", "till-batch", ""},
      {"till", "cash", "cash", ""},
      {"shop", "cash", "cash", "SignerNotAllowed"},
      {"bank", "batch", "batch", "SignerNotAllowed"},
  }));
  CAPTURE(ns, account, signer);
  const Decision decision = policy.evaluate(workload_request(ns, account, signer), KnownNamespaces());
  CHECK(codes(decision) == expected);
  CHECK(decision.grant.has_value() == expected.empty());
}

TEST_CASE("The routed signer is replaced by the first of the account") {
  const Policy policy = policy_of(kTenants);
  const auto [ns, account, expected] =
      GENERATE(table<std::string, std::string, std::string>({{"shop", "app", "shop"},
                                                             {"shop", "batch", "batch"},
                                                             {"till", "batch", "till-batch"},
                                                             {"bank", "batch", "bank"}}));
  CAPTURE(ns, account);
  CHECK(policy.adjust(workload_request(ns, account, "routed"), KnownNamespaces()).signer_name ==
        "example.com/" + expected);
}

TEST_CASE(
    "What proxies are configured to ask for is held to what their account may use, or any account where all may run") {
  const Policy policy = policy_of(kTenants);
  const auto [account, signer, allowed] = GENERATE(table<std::string, std::string, bool>({
      {"", "shop", true},
      {"", "cash", true},
      {"", "bank", false},
      {"app", "shop", true},
      {"app", "cash", false},
      {"cash", "cash", true},
      {"cash", "shop", false},
  }));
  CAPTURE(account, signer);
  const ConfiguredProxies proxies{.ns = "till", .tenant = &policy.model().tenants[0], .service_account = account};
  const auto refused = refuse_signer_choice(policy, proxies, signer, "here");
  CHECK(refused.has_value() != allowed);
  if (refused) {
    const std::string may_use =
        account.empty() ? "tenant \"shop\" may use \"shop\", \"shop-old\", \"batch\", \"till-batch\", \"cash\" "
                          "(tenants[shop].signers, serviceAccounts)"
                        : may_use_text(policy.model().tenants[0], "till", account);
    CHECK(refused->message == "here asks for signer \"" + signer + "\"; " + may_use);
  }
}

}  // namespace
}  // namespace signet
