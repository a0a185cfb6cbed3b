#include "policy/service_names.h"

#include <catch2/catch.hpp>

#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

using Type = SubjectAltName::Type;

constexpr std::string_view kTenants = R"(
  tenants:
  - name: shop
    namespaces: [shop]
    signers: [shop, shop-old]
    dnsNames: [shop.svc, till.shop.svc]
    services:
    - {dnsNames: ['*.shop.svc', alone.svc], requesters: [till-bot]}
    - {dnsNames: [db.shop.svc], ipAddresses: [10.0.0.1, '2001:db8::1'], requesterGroups: [db-bots]}
  - name: bank
    namespaces: [bank]
    signers: [bank]
    services:
    - {dnsNames: ['*.bank.svc'], requesters: [bank-bot]}
)";

// "shop" of whoever may ask, "shop[1]" of a service, or nobody.
std::string owner(const PolicyModel& model, const SubjectAltName& name) {
  const auto found = ServiceNames(model.tenants).owner_of(name);
  if (!found) {
    return "nobody";
  }
  return model.tenants[found->tenant].name + (found->service ? "[" + std::to_string(*found->service) + "]" : "");
}

TEST_CASE("A name is whoever's it is written, and a star is one label or itself") {
  const PolicyModel model = model_of(kTenants);
  const auto [type, name, expected] = GENERATE(table<Type, std::string, std::string>({
      {Type::kDns, "shop.svc", "shop"},
      {Type::kDns, "till.shop.svc", "shop"},   // written out, so not the star's
      {Type::kDns, "db.shop.svc", "shop[1]"},  // nor this one
      {Type::kDns, "a.shop.svc", "shop[0]"},
      {Type::kDns, "*.shop.svc", "shop[0]"},
      {Type::kDns, "alone.svc", "shop[0]"},
      {Type::kDns, "a.b.shop.svc", "nobody"},
      {Type::kDns, "*.a.shop.svc", "nobody"},
      {Type::kDns, "*", "nobody"},
      {Type::kDns, "*.svc", "nobody"},
      {Type::kDns, ".shop.svc", "nobody"},
      {Type::kDns, "a*.shop.svc", "nobody"},
      {Type::kDns, "**.shop.svc", "nobody"},
      {Type::kDns, "A.shop.svc", "nobody"},
      {Type::kDns, "a_b.shop.svc", "nobody"},
      {Type::kDns, "a.SHOP.svc", "nobody"},
      {Type::kDns, "a.shop.svc.", "nobody"},
      {Type::kDns, "-a.shop.svc", "nobody"},
      {Type::kDns, std::string(63, 'a') + ".shop.svc", "shop[0]"},
      {Type::kDns, std::string(64, 'a') + ".shop.svc", "nobody"},
      {Type::kDns, "a.bank.svc", "bank[0]"},
      {Type::kDns, "bank.svc", "nobody"},
      {Type::kIp, "10.0.0.1", "shop[1]"},
      {Type::kIp, "2001:db8::1", "shop[1]"},
      {Type::kIp, "10.0.0.2", "nobody"},
      {Type::kIp, "a.shop.svc", "nobody"},
      {Type::kDns, "10.0.0.1", "nobody"},
      {Type::kUri, "shop.svc", "nobody"},
      {Type::kEmail, "shop.svc", "nobody"},
      {Type::kOther, "shop.svc", "nobody"},
  }));
  CAPTURE(name);
  CHECK(owner(model, {type, name}) == expected);
}

TEST_CASE("The names of a service are for those whom it lists, and no others of the tenant's") {
  const Policy policy = policy_of(kTenants);
  struct Case {
    std::string name;
    std::vector<std::string> asked;
    std::string requester;
    std::vector<std::string> groups;
    std::string codes;
  };
  const std::string istiod(kIstiod);
  const std::vector<Case> cases = {
      {"who is listed", {"a.shop.svc"}, "till-bot", {}, ""},
      {"who is in a listed group", {"db.shop.svc", "10.0.0.1", "2001:db8::1"}, "x", {"y", "db-bots"}, ""},
      {"who may ask for everything else", {"a.shop.svc"}, istiod, {}, "RequesterNotAllowed"},
      {"a user called like the group", {"db.shop.svc"}, "db-bots", {}, "RequesterNotAllowed"},
      {"a group called like the user", {"a.shop.svc"}, "x", {"till-bot"}, "RequesterNotAllowed"},
      {"another service's requester", {"db.shop.svc"}, "till-bot", {}, "RequesterNotAllowed"},
      {"names of two services, for who is listed in one",
       {"a.shop.svc", "10.0.0.1"},
       "till-bot",
       {},
       "RequesterNotAllowed"},
      {"names of two services, for who is listed in both", {"a.shop.svc", "10.0.0.1"}, "till-bot", {"db-bots"}, ""},
      {"a name of the tenant's too, for who is listed in the service alone",
       {"a.shop.svc", "shop.svc"},
       "till-bot",
       {},
       "RequesterNotAllowed"},
      {"the tenant's name, for who is listed in a service alone", {"shop.svc"}, "till-bot", {}, "RequesterNotAllowed"},
      {"the tenant's name, for who may ask", {"shop.svc"}, istiod, {}, ""},
      {"another tenant's name beside",
       {"a.shop.svc", "a.bank.svc"},
       "till-bot",
       {},
       "RequesterNotAllowed SubjectAltNameNotAllowed"},
      {"another tenant's name alone", {"a.bank.svc"}, "bank-bot", {}, "RequesterNotAllowed SubjectAltNameNotAllowed"},
      {"nobody's address", {"10.0.0.2"}, "x", {"db-bots"}, "RequesterNotAllowed SubjectAltNameNotAllowed"},
      {"a name twice", {"a.shop.svc", "a.shop.svc"}, "till-bot", {}, "SubjectAltNameNotAllowed"},
      {"two names under one star", {"a.shop.svc", "b.shop.svc", "*.shop.svc"}, "till-bot", {}, ""},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const SigningRequest request = asked_by(c.requester, c.groups, service_request(c.asked, "shop"));
      const Decision decision = policy.evaluate(request, KnownNamespaces());
      INFO(to_message(decision.findings));
      CHECK(codes(decision) == c.codes);
      CHECK(to_message(decision.findings).find(" .") == std::string::npos);  // no rule without its tenant
      if (decision.grant) {
        CHECK(decision.grant->terms().names == request.pkcs10->names);
      }
    }
  }
}

TEST_CASE("Who may ask for a service's names is told by the field that says so") {
  const Policy policy = policy_of(kTenants);
  CHECK(to_message(policy.evaluate(service_request({"a.shop.svc"}, "shop"), KnownNamespaces()).findings) ==
        "signet: RequesterNotAllowed: \"system:serviceaccount:istio-system:istiod\" may not ask for \"a.shop.svc\"; "
        "allowed are the accounts listed in tenants[shop].services[].requesters");
}

TEST_CASE("A service is signed for by each of its tenant's signers and no other") {
  const Policy policy = policy_of(kTenants);
  const auto [signer, expected] = GENERATE(table<std::string, std::string>(
      {{"shop", ""}, {"shop-old", ""}, {"bank", "SubjectAltNameNotAllowed"}, {"qux", "SignerNotAllowed"}}));
  CAPTURE(signer);
  CHECK(codes(policy.evaluate(service_request({"shop.svc"}, signer), KnownNamespaces())) == expected);
}

}  // namespace
}  // namespace signet
