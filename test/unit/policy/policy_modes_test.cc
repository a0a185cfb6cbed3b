#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "policy/policy_language.h"
#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

using Verdict = Decision::Verdict;

TEST_CASE("The modes of a policy are of the reasons that can be relaxed, all of them and no others") {
  for (const Reason reason : kReasons) {
    CAPTURE(to_string(reason));
    const bool has_mode = std::ranges::find(kModesKeys, to_string(reason), &PolicyKey::name) != kModesKeys.end();
    CHECK(has_mode == can_be_relaxed(reason));
  }
}

TEST_CASE("A reason's mode is the tenant's before that for all, a named one before `all`") {
  const Policy policy = policy_of(R"(
  modes: {all: warn, KeyNotAllowed: audit}
  tenants:
  - {name: plain, namespaces: [plain], signers: [plain]}
  - {name: own, namespaces: [own], signers: [own], modes: {UsageNotAllowed: enforce}}
  - {name: all, namespaces: [all], signers: [all], modes: {all: enforce, DurationTooLong: audit}}
)");
  const auto [tenant, reason, mode] = GENERATE(table<std::string, Reason, Mode>({
      {"plain", Reason::kUsageNotAllowed, Mode::kWarn},
      {"plain", Reason::kKeyNotAllowed, Mode::kAudit},
      {"own", Reason::kUsageNotAllowed, Mode::kEnforce},
      {"own", Reason::kKeyNotAllowed, Mode::kAudit},
      {"own", Reason::kDurationTooLong, Mode::kWarn},
      {"all", Reason::kUsageNotAllowed, Mode::kEnforce},
      {"all", Reason::kKeyNotAllowed, Mode::kEnforce},
      {"all", Reason::kDurationTooLong, Mode::kAudit},
      {"plain", Reason::kTenantSuspended, Mode::kEnforce},
      {"plain", Reason::kCaRequested, Mode::kEnforce},
      {"plain", Reason::kRequestMalformed, Mode::kEnforce},
      {"nobody", Reason::kNoTenant, Mode::kWarn},
  }));
  CAPTURE(tenant, to_string(reason));
  CHECK(policy.mode_of(reason, policy.tenant_named(tenant), {}) == mode);
}

// foo lets everything pass, bar nothing, and both may use a signer of each; the signer of all is everybody's.
constexpr std::string_view kTenants = R"(
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo, shared], modes: {all: audit}}
  - {name: bar, namespaces: [bar], signers: [bar, shared]}
  - {name: baz, namespaces: [baz], signers: [baz], serviceAccounts: [{name: x, signers: [baz-x]}], modes: {all: warn}}
)";

TEST_CASE("A finding passes only where the tenant of the request and every tenant of its signer let it") {
  const Policy policy = policy_of(kTenants);
  struct Case {
    std::string name;
    std::string ns, signer;
    std::function<void(SigningRequest&)> change;
    std::string codes;
    Verdict verdict;
    bool grant;
  };
  const auto nothing = [](SigningRequest&) {};
  const auto two_findings = [](SigningRequest& r) {
    r.usages = {"digital signature"};
    r.expiration_seconds = 1000000;
  };
  const std::vector<Case> cases = {
      {"nothing is found", "foo", "foo", nothing, "", Verdict::kGranted, true},
      {"one's own signer", "foo", "foo", two_findings, "UsageNotAllowed:audit DurationTooLong:audit",
       Verdict::kTolerated, true},
      {"a signer shared with one who enforces", "foo", "shared", two_findings, "UsageNotAllowed DurationTooLong",
       Verdict::kDenied, false},
      {"the signer of one who enforces", "foo", "bar", nothing, "SignerNotAllowed", Verdict::kDenied, false},
      {"the signer of one who warns", "foo", "baz", nothing, "SignerNotAllowed:warn", Verdict::kTolerated, true},
      {"the signer of an account of one who warns", "foo", "baz-x", nothing, "SignerNotAllowed:warn",
       Verdict::kTolerated, true},
      {"the other way around", "baz", "foo", nothing, "SignerNotAllowed:warn", Verdict::kTolerated, true},
      {"who enforces, asking one who does not", "bar", "foo", nothing, "SignerNotAllowed", Verdict::kDenied, false},
      {"nobody's signer, of which there is no key", "foo", "nobodys", nothing, "SignerNotAllowed", Verdict::kDenied,
       false},
      {"nobody's namespace, for which there are no limits", "qux", "foo", nothing, "NoTenant", Verdict::kDenied, false},
      {"a requester", "foo", "foo", [](auto& r) { r.requester = "alice"; }, "RequesterNotAllowed:audit",
       Verdict::kTolerated, true},
      {"an extension", "foo", "foo", [](auto& r) { r.pkcs10->other_extensions = {"1.2.3"}; },
       "ExtensionNotAllowed:audit", Verdict::kTolerated, true},
      {"a key", "foo", "foo", [](auto& r) { r.pkcs10->key_type = KeyType::kRsa4096; }, "KeyNotAllowed:audit",
       Verdict::kTolerated, true},
      {"a lifetime that is too short", "foo", "foo", [](auto& r) { r.expiration_seconds = 1; },
       "DurationTooShort:audit", Verdict::kTolerated, true},
      {"one enforced finding among others", "foo", "foo",
       [](auto& r) {
         r.pkcs10->ca_requested = true;
         r.usages = {"digital signature"};
       },
       "CaRequested UsageNotAllowed:audit", Verdict::kDenied, false},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      SigningRequest request = workload_request(c.ns, "app", c.signer);
      c.change(request);
      const Decision decision = policy.evaluate(request, KnownNamespaces());
      INFO(to_message(decision.findings));
      CHECK(codes(decision) == c.codes);
      CHECK(decision.verdict == c.verdict);
      CHECK(decision.grant.has_value() == c.grant);
      if (decision.grant) {
        CHECK(decision.grant->terms().tenant == c.ns);
        CHECK(decision.grant->terms().signer == c.signer);
      }
    }
  }
}

TEST_CASE("What we could not sign is refused in every mode") {
  const Policy policy = policy_of(
      "  modes: {all: audit}\n  tenants:\n  - {name: foo, namespaces: [foo], signers: [foo], dnsNames: [foo.svc]}\n");
  struct Case {
    std::string name;
    std::function<void(SigningRequest&)> change;
    std::string codes;
  };
  const std::vector<Case> cases = {
      {"a key of no type that there is", [](auto& r) { r.pkcs10->key_type = std::nullopt; }, "KeyNotAllowed"},
      {"a signature that does not verify", [](auto& r) { r.pkcs10->signature = Pkcs10Facts::Signature::kFailed; },
       "RequestMalformed"},
      {"a key that is not allowed, and a signature that does not verify",
       [](auto& r) {
         r.pkcs10->key_type = KeyType::kRsa4096;
         r.pkcs10->signature = Pkcs10Facts::Signature::kFailed;
       },
       "KeyNotAllowed"},
      {"a usage that there is not", [](auto& r) { r.usages.emplace_back("cert sign"); }, "UsageNotAllowed"},
      {"no usage", [](auto& r) { r.usages.clear(); }, "UsageNotAllowed"},
      {"a lifetime that is none", [](auto& r) { r.annotated_duration = "soon"; }, "DurationTooLong"},
      {"no lifetime at all", [](auto& r) { r.expiration_seconds = 0; }, "DurationTooShort"},
      {"less than none", [](auto& r) { r.expiration_seconds = -1; }, "DurationTooShort"},
      {"no name", [](auto& r) { r.pkcs10->names.clear(); }, "SubjectAltNameNotAllowed"},
      {"two identities", [](auto& r) { r.pkcs10->names.push_back(r.pkcs10->names[0]); }, "SubjectAltNameNotAllowed"},
      {"a name that nobody lists",
       [](auto& r) {
         r.pkcs10->names = {{SubjectAltName::Type::kDns, "bar.svc"}};
       },
       "SubjectAltNameNotAllowed"},
      {"another trust domain", [](auto& r) { r.pkcs10->names[0].value = "spiffe://elsewhere/ns/foo/sa/app"; },
       "IdentityInvalid"},
      {"nobody's namespace", [](auto& r) { r.pkcs10->names[0].value = "spiffe://cluster.local/ns/bar/sa/app"; },
       "NoTenant"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      SigningRequest request = workload_request("foo", "app", "foo");
      c.change(request);
      const Decision decision = policy.evaluate(request, KnownNamespaces());
      INFO(to_message(decision.findings));
      CHECK(codes(decision) == c.codes);
      CHECK(decision.denied());
      CHECK_FALSE(decision.grant);
    }
  }
}

TEST_CASE("A name that is asked for twice can be let pass, for the certificate can have it") {
  const Policy policy = policy_of(
      "  modes: {all: audit}\n  tenants:\n  - {name: foo, namespaces: [foo], signers: [foo], dnsNames: [foo.svc]}\n");
  const Decision decision = policy.evaluate(service_request({"foo.svc", "foo.svc"}, "foo"), KnownNamespaces());
  CHECK(codes(decision) == "SubjectAltNameNotAllowed:audit");
  CHECK(decision.grant);
}

TEST_CASE(
    "Where somebody else signs, what has no tenant passes only where those for all and the signer's tenants let it") {
  const auto [modes_for_all, modes_of_foo, verdict] = GENERATE(table<std::string, std::string, Verdict>({
      {"{}", "{}", Verdict::kDenied},
      {"{all: warn}", "{}", Verdict::kTolerated},
      {"{NoTenant: warn}", "{}", Verdict::kDenied},  // nothing that hangs on a tenant was looked at
      {"{all: warn}", "{SignerNotAllowed: enforce}", Verdict::kDenied},
      {"{}", "{all: warn}", Verdict::kDenied},
  }));
  CAPTURE(modes_for_all, modes_of_foo);
  const Policy policy =
      policy_of("  issuers: [cert-manager]\n  modes: " + modes_for_all +
                "\n  tenants:\n  - {name: foo, namespaces: [foo], signers: [foo], modes: " + modes_of_foo + "}\n");
  const Decision decision = policy.evaluate(workload_request("bar", "app", "foo"), KnownNamespaces());
  CHECK(decision.verdict == verdict);
  CHECK_FALSE(decision.grant);
}

TEST_CASE("A suspended tenant's signer is asked for nothing by nobody's names either") {
  const Policy policy = policy_of(
      "  issuers: [cert-manager]\n  modes: {all: audit}\n  tenants:\n"
      "  - {name: foo, namespaces: [foo], signers: [foo], suspended: true}\n"
      "  - {name: bar, namespaces: [bar], signers: [bar]}\n");
  CHECK(policy.evaluate(service_request({"x.svc"}, "foo"), KnownNamespaces()).denied());
  CHECK(policy.evaluate(workload_request("nobody", "app", "foo"), KnownNamespaces()).denied());
  CHECK_FALSE(policy.evaluate(service_request({"x.svc"}, "bar"), KnownNamespaces()).denied());
}

TEST_CASE("One relaxed reason does not open what was not looked at because of it") {
  const Policy policy = policy_of(
      "  issuers: [cert-manager]\n  modes: {SubjectAltNameNotAllowed: audit}\n  tenants:\n"
      "  - {name: foo, namespaces: [foo], signers: [foo]}\n");
  CHECK(policy.evaluate(service_request({"x.svc"}, "foo"), KnownNamespaces()).denied());
  SigningRequest request = workload_request("foo", "app", "foo");
  request.pkcs10->names.push_back({SubjectAltName::Type::kDns, "x"});
  CHECK(policy.evaluate(request, KnownNamespaces()).denied());
}

TEST_CASE("A suspended tenant is signed nothing for, in every mode, and no other tenant is touched") {
  const Policy policy = policy_of(R"(
  modes: {all: audit}
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo], suspended: true, dnsNames: [foo.svc]}
  - {name: bar, namespaces: [bar], signers: [bar], suspended: false}
)");
  CHECK(codes(policy.evaluate(workload_request("foo", "app", "foo"), KnownNamespaces())) == "TenantSuspended");
  CHECK(policy.evaluate(workload_request("foo", "app", "foo"), KnownNamespaces()).denied());
  CHECK(codes(policy.evaluate(service_request({"foo.svc"}, "foo"), KnownNamespaces())) == "TenantSuspended");
  CHECK(codes(policy.evaluate(workload_request("foo", "app", "bar"), KnownNamespaces())) ==
        "TenantSuspended SignerNotAllowed:audit");
  CHECK(codes(policy.evaluate(workload_request("bar", "app", "bar"), KnownNamespaces())).empty());
}

TEST_CASE("A grant tells its tenant's quota, or that there is none") {
  const Policy policy = policy_of(R"(
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo], quota: {perMinute: 30, burst: 100}}
  - {name: bar, namespaces: [bar], signers: [bar]}
)");
  const Decision foo = policy.evaluate(workload_request("foo", "app", "foo"), KnownNamespaces());
  const Decision bar = policy.evaluate(workload_request("bar", "app", "bar"), KnownNamespaces());
  REQUIRE(foo.grant);
  REQUIRE(bar.grant);
  CHECK(foo.grant->terms().quota == IssuanceQuota{.per_minute = 30, .burst = 100});
  CHECK_FALSE(bar.grant->terms().quota);
}

TEST_CASE("Findings are told in the order of their reasons, whatever else is found") {
  const Policy policy = policy_of(R"(
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo], suspended: true, certificate: {minDuration: 1h}}
)");
  SigningRequest request = asked_by("alice", {}, workload_request("foo", "app", "bar"));
  request.usages = {"any"};
  request.expiration_seconds = 1;
  request.annotated_duration = "999h";
  request.annotated_is_ca = "true";
  request.pkcs10->ca_requested = true;
  request.pkcs10->other_extensions = {"1.2.3"};
  request.pkcs10->key_type = KeyType::kRsa4096;
  const Decision decision = policy.evaluate(request, KnownNamespaces());
  CHECK(codes(decision) ==
        "RequesterNotAllowed ExtensionNotAllowed CaRequested CaRequested TenantSuspended "
        "SignerNotAllowed KeyNotAllowed UsageNotAllowed DurationTooLong DurationTooShort");
  CHECK(std::ranges::is_sorted(decision.findings, {}, &Finding::reason));
}

}  // namespace
}  // namespace signet
