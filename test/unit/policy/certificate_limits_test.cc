#include "policy/certificate_limits.h"

#include <catch2/catch.hpp>
#include <functional>

#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using OutOfBounds = CertificateLimits::OutOfBounds;

PolicyModel::Tenant tenant_with(const std::function<void(CertificateLimits&)>& change = [](CertificateLimits&) {}) {
  PolicyModel::Tenant tenant;
  tenant.name = "shop";
  tenant.certificate.keys = {KeyType::kEcdsaP256, KeyType::kRsa2048};
  tenant.certificate.usages = {Usage::kServerAuth, Usage::kClientAuth};
  tenant.certificate.max_duration = hours(24);
  change(tenant.certificate);
  return tenant;
}

TEST_CASE(
    "What the tenant and the signer both allow is allowed, and where a signer says nothing the tenant alone counts") {
  const PolicyModel::Tenant tenant = tenant_with();
  const PolicyModel::Signer nothing{.name = "s"};
  const PolicyModel::Signer strict{.name = "s",
                                   .certificate = {.keys = {KeyType::kRsa2048, KeyType::kRsa4096},
                                                   .usages = {Usage::kKeyAgreement, Usage::kClientAuth}}};
  for (const PolicyModel::Signer* const signer : {static_cast<const PolicyModel::Signer*>(nullptr), &nothing}) {
    const LimitsInForce limits(tenant, signer);
    CHECK(limits.keys() == tenant.certificate.keys);
    CHECK(limits.usages() == tenant.certificate.usages);
    CHECK(limits.keys_rule() == "tenants[shop].certificate.keys");
    CHECK(limits.usages_rule() == "tenants[shop].certificate.usages");
  }
  const LimitsInForce limits(tenant, &strict);
  CHECK(limits.keys() == std::vector{KeyType::kRsa2048});
  CHECK(limits.usages() == std::vector{Usage::kClientAuth});
  for (const KeyType key : kKeyTypes) {
    CHECK(limits.allows(key) == (key == KeyType::kRsa2048));
  }
  for (const Usage usage : kUsages) {
    CHECK(limits.allows(usage) == (usage == Usage::kClientAuth));
  }
  CHECK(limits.keys_rule() == "tenants[shop].certificate.keys, signers[s].certificate.keys");
  CHECK(limits.usages_rule() == "tenants[shop].certificate.usages, signers[s].certificate.usages");
}

TEST_CASE("The narrower bound of a lifetime counts, and the field that states it is told") {
  struct Case {
    std::string name;
    seconds tenant_min, tenant_max, signer_min, signer_max;
    seconds min, max;
    std::string min_rule, max_rule;
  };
  const std::string tenant = "tenants[shop].certificate.";
  const std::string signer = "signers[s].certificate.";
  const std::vector<Case> cases = {
      {"the tenant's alone",
       hours(1),
       hours(24),
       {},
       {},
       hours(1),
       hours(24),
       tenant + "minDuration",
       tenant + "maxDuration"},
      {"Kubernetes' least", {}, hours(24), {}, {}, minutes(10), hours(24), "", tenant + "maxDuration"},
      {"the signer's are narrower", hours(1), hours(24), hours(2), hours(12), hours(2), hours(12),
       signer + "minDuration", signer + "maxDuration"},
      {"the signer's are wider", hours(2), hours(12), hours(1), hours(24), hours(2), hours(12), tenant + "minDuration",
       tenant + "maxDuration"},
      {"both say the same", hours(1), hours(24), hours(1), hours(24), hours(1), hours(24), tenant + "minDuration",
       tenant + "maxDuration"},
      {"the signer has a least alone",
       {},
       hours(24),
       hours(2),
       {},
       hours(2),
       hours(24),
       signer + "minDuration",
       tenant + "maxDuration"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      const PolicyModel::Tenant shop = tenant_with([&](CertificateLimits& limits) {
        limits.min_duration = c.tenant_min;
        limits.max_duration = c.tenant_max;
      });
      const PolicyModel::Signer described{.name = "s",
                                          .certificate = {.min_duration = c.signer_min, .max_duration = c.signer_max}};
      const LimitsInForce limits(shop, &described);
      CHECK(limits.min_duration() == c.min);
      CHECK(limits.max_duration() == c.max);
      CHECK(limits.min_duration_rule() == c.min_rule);
      CHECK(limits.max_duration_rule() == c.max_rule);
    }
  }
}

TEST_CASE("A lifetime out of bounds is clamped unless the tenant or the signer refuses it") {
  const auto [of_tenant, of_signer, clamps] =
      GENERATE(table<std::optional<OutOfBounds>, std::optional<OutOfBounds>, bool>({
          {std::nullopt, std::nullopt, true},
          {OutOfBounds::kClamp, OutOfBounds::kClamp, true},
          {OutOfBounds::kDeny, std::nullopt, false},
          {OutOfBounds::kDeny, OutOfBounds::kClamp, false},
          {std::nullopt, OutOfBounds::kDeny, false},
          {OutOfBounds::kClamp, OutOfBounds::kDeny, false},
      }));
  const PolicyModel::Tenant tenant = tenant_with([&, out = of_tenant](CertificateLimits& l) { l.out_of_bounds = out; });
  const PolicyModel::Signer signer{.name = "s", .certificate = {.out_of_bounds = of_signer}};
  CHECK(LimitsInForce(tenant, &signer).clamps() == clamps);
}

constexpr std::string_view kTenants = R"(
  signers:
  - name: short
    certificate: {maxDuration: 2h, minDuration: 30m, keys: [RSA-2048], usages: [client auth]}
  - name: firm
    certificate: {maxDuration: 2h, durationOutOfBounds: deny}
  - name: never
    certificate: {minDuration: 48h}
  tenants:
  - {name: shop, namespaces: [shop], signers: [plain, short, firm, never]}
  - {name: bank, namespaces: [bank], signers: [bank], certificate: {minDuration: 1h, maxDuration: 3h}}
  - {name: deny, namespaces: [deny], signers: [deny], certificate: {minDuration: 1h, durationOutOfBounds: deny}}
)";

TEST_CASE("A certificate is held to the limits of its tenant and of its signer") {
  const Policy policy = policy_of(kTenants);
  struct Case {
    std::string name;
    std::string ns, signer;
    std::function<void(SigningRequest&)> change;
    std::string codes;
  };
  const auto lasts = [](std::int64_t asked) { return [asked](SigningRequest& r) { r.expiration_seconds = asked; }; };
  const auto of_short = [](auto change) {
    return [change](SigningRequest& r) {
      r.pkcs10->key_type = KeyType::kRsa2048;
      r.usages = {"client auth"};
      change(r);
    };
  };
  const std::vector<Case> cases = {
      {"what the tenant allows", "shop", "plain", lasts(86400), ""},
      {"what the signer's limits leave", "shop", "short", of_short(lasts(7200)), ""},
      {"longer than the signer allows", "shop", "short", of_short(lasts(7201)), "DurationTooLong"},
      {"shorter than the signer allows", "shop", "short", of_short(lasts(1799)), "DurationTooShort"},
      {"a key that the tenant allows and the signer does not", "shop", "short",
       of_short([](SigningRequest& r) { r.pkcs10->key_type = KeyType::kEcdsaP256; }), "KeyNotAllowed"},
      {"a usage that the tenant allows and the signer does not", "shop", "short",
       of_short([](SigningRequest& r) { r.usages = {"server auth"}; }), "UsageNotAllowed"},
      {"the same in the PKCS#10", "shop", "short",
       of_short([](SigningRequest& r) { r.pkcs10->usages = {"server auth"}; }), "UsageNotAllowed"},
      {"as short as the tenant allows", "bank", "bank", lasts(3600), ""},
      {"shorter than the tenant allows", "bank", "bank", lasts(3599), "DurationTooShort"},
      {"too short in one place and too long in another", "bank", "bank",
       [](SigningRequest& r) {
         r.expiration_seconds = 60;
         r.annotated_duration = "999h";
       },
       "DurationTooLong DurationTooShort"},
      {"too short by the annotation", "bank", "bank", [](SigningRequest& r) { r.annotated_duration = "59m"; },
       "DurationTooShort"},
      {"no lifetime, for which the longest is given", "bank", "bank",
       [](SigningRequest& r) { r.expiration_seconds = std::nullopt; }, ""},
      {"no lifetime where none is allowed", "shop", "never",
       [](SigningRequest& r) { r.expiration_seconds = std::nullopt; }, "DurationTooShort"},
      {"limits of a signer that the tenant may not use", "bank", "short", lasts(7200),
       "SignerNotAllowed KeyNotAllowed UsageNotAllowed"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      SigningRequest request = workload_request(c.ns, "app", c.signer);
      c.change(request);
      const Decision decision = policy.evaluate(request, KnownNamespaces());
      INFO(to_message(decision.findings));
      CHECK(codes(decision) == c.codes);
    }
  }
}

TEST_CASE("An absent lifetime is the longest that tenant and signer both allow") {
  const Policy policy = policy_of(kTenants);
  SigningRequest request = workload_request("shop", "app", "firm");
  request.expiration_seconds = std::nullopt;
  const Decision decision = policy.evaluate(request, KnownNamespaces());
  REQUIRE(decision.grant);
  CHECK(decision.grant->terms().lifetime == hours(2));
}

TEST_CASE("At CREATE a lifetime out of bounds becomes the nearest in them, but not where it is to be refused") {
  const Policy policy = policy_of(kTenants);
  const auto [ns, signer, asked, set] =
      GENERATE(table<std::string, std::string, std::optional<std::int64_t>, std::optional<std::int64_t>>({
          {"shop", "plain", 86400, std::nullopt},
          {"shop", "plain", 86401, 86400},
          {"shop", "plain", 599, 600},
          {"shop", "plain", -1, 600},
          {"shop", "short", 86400, 7200},
          {"shop", "short", 60, 1800},
          {"shop", "short", std::nullopt, 7200},
          {"shop", "firm", 86400, std::nullopt},
          {"shop", "firm", std::nullopt, 7200},
          {"bank", "bank", 60, 3600},
          {"bank", "bank", 1000000, 10800},
          {"deny", "deny", 60, std::nullopt},
          {"deny", "deny", 1000000, std::nullopt},
          {"deny", "deny", std::nullopt, 86400},
          {"shop", "never", 3600, std::nullopt},  // nothing is in bounds
      }));
  CAPTURE(ns, signer, asked);
  SigningRequest request = workload_request(ns, "app", signer);
  request.expiration_seconds = asked;
  const Policy::Adjustment adjustment = policy.adjust(request, KnownNamespaces());
  CHECK(adjustment.expiration_seconds == set);
  CHECK_FALSE(adjustment.signer_name);
  if (set) {
    request.expiration_seconds = set;
    CHECK_FALSE(policy.adjust(request, KnownNamespaces()).expiration_seconds);
  }
}

}  // namespace
}  // namespace signet
