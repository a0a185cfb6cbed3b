#include "policy/policy.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <sstream>

#include "policy/policy_loader.h"
#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Type = SubjectAltName::Type;

Policy make_policy(const std::function<void(PolicyModel&)>& change = [](PolicyModel&) {}) {
  std::ifstream file(SIGNET_TESTDATA "/policy.yaml", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  auto model = load_policy(text.str(), "policy.yaml");
  REQUIRE(model);
  change(*model);
  return Policy(*std::move(model), "digest");
}

// What istiod asks for on behalf of service account app in foo.
SigningRequest make_request() {
  return {.uid = "uid-1",
          .name = "csr-workload-1",
          .signer_name = "clusterissuers.cert-manager.io/foo",
          .requester = std::string(kIstiod),
          .requester_groups = {"system:serviceaccounts", "system:serviceaccounts:istio-system"},
          .usages = {"digital signature", "key encipherment", "server auth", "client auth"},
          .expiration_seconds = 86400,
          .annotated_duration = std::nullopt,
          .annotated_is_ca = std::nullopt,
          .pkcs10 = Pkcs10Facts{.key_type = KeyType::kEcdsaP256,
                                .key_name = "ECDSA-P256",
                                .spki = "spki",
                                .signature = Pkcs10Facts::Signature::kVerified,
                                .subject_alt_name_extensions = 1,
                                .names = {{Type::kUri, "spiffe://cluster.local/ns/foo/sa/app"}},
                                .ca_requested = false,
                                .usages = {},
                                .other_extensions = {}}};
}

// What istiod asks for itself.
SigningRequest make_service_request() {
  SigningRequest request = make_request();
  request.signer_name = "clusterissuers.cert-manager.io/istio-system";
  request.usages = {"digital signature", "key encipherment", "server auth"};
  request.expiration_seconds = seconds(hours(2160)).count();
  request.pkcs10->names = {{Type::kDns, "istiod.istio-system.svc"}, {Type::kDns, "istio-pilot.istio-system.svc"}};
  return request;
}

struct Case {
  std::string name;
  std::function<void(SigningRequest&)> change;
  std::string codes;  ///< empty: granted
};

TEST_CASE("A workload's request is granted with exactly what it asked for") {
  const Decision decision = make_policy().evaluate(make_request(), KnownNamespaces());
  REQUIRE(decision.verdict == Decision::Verdict::kGranted);
  REQUIRE(decision.grant);
  const Grant::Terms& terms = decision.grant->terms();
  CHECK(terms.csr_uid == "uid-1");
  CHECK(terms.csr_name == "csr-workload-1");
  CHECK(terms.signer == "foo");
  CHECK(terms.tenant == "foo");
  CHECK(terms.spki == "spki");
  CHECK(terms.key_type == KeyType::kEcdsaP256);
  CHECK(terms.names == std::vector<SubjectAltName>{{Type::kUri, "spiffe://cluster.local/ns/foo/sa/app"}});
  CHECK(terms.usages ==
        std::vector{Usage::kDigitalSignature, Usage::kKeyEncipherment, Usage::kServerAuth, Usage::kClientAuth});
  CHECK(terms.lifetime == hours(24));
  CHECK(decision.identity == "spiffe://cluster.local/ns/foo/sa/app");
  CHECK(decision.rule == "tenants[foo]");
}

TEST_CASE("A grant is empty once it was moved from") {
  Decision decision = make_policy().evaluate(make_request(), KnownNamespaces());
  REQUIRE(decision.grant);
  const Grant taken = *std::move(decision.grant);
  CHECK_FALSE(taken.empty());
  CHECK(decision.grant->empty());
}

TEST_CASE("A workload's request is judged by every check of the table") {
  const Policy policy = make_policy();
  const auto facts = [](auto change) { return [change](SigningRequest& request) { change(*request.pkcs10); }; };
  const std::vector<Case> cases = {
      {"as it is", [](auto&) {}, ""},
      {"not a PKCS#10", [](auto& r) { r.pkcs10 = tl::unexpected<std::string>("no PEM"); }, "RequestMalformed"},
      {"spoiled signature", facts([](auto& f) { f.signature = Pkcs10Facts::Signature::kFailed; }), "RequestMalformed"},
      {"signature not checked", facts([](auto& f) { f.signature = Pkcs10Facts::Signature::kNotChecked; }),
       "RequestMalformed"},
      {"unlisted requester", [](auto& r) { r.requester = "alice"; }, "RequesterNotAllowed"},
      {"requester that only begins like a listed one", [](auto& r) { r.requester = std::string(kIstiod) + "x"; },
       "RequesterNotAllowed"},
      {"the identity's own account",
       [](auto& r) {
         r.requester = "system:serviceaccount:foo:app";
         r.requester_groups = {"system:serviceaccounts:foo"};
       },
       ""},
      {"the identity's own user name without the group", [](auto& r) { r.requester = "system:serviceaccount:foo:app"; },
       "RequesterNotAllowed"},
      {"another account of the namespace",
       [](auto& r) {
         r.requester = "system:serviceaccount:foo:other";
         r.requester_groups = {"system:serviceaccounts:foo"};
       },
       "RequesterNotAllowed"},
      {"somebody called self", [](auto& r) { r.requester = "self"; }, "RequesterNotAllowed"},
      {"unknown extension", facts([](auto& f) { f.other_extensions = {"1.2.3"}; }), "ExtensionNotAllowed"},
      {"CA", facts([](auto& f) { f.ca_requested = true; }), "CaRequested"},
      {"annotation asks for a CA", [](auto& r) { r.annotated_is_ca = "true"; }, "CaRequested"},
      {"annotation asks for who knows what", [](auto& r) { r.annotated_is_ca = "TRUE "; }, "CaRequested"},
      {"annotation asks for no CA", [](auto& r) { r.annotated_is_ca = "false"; }, ""},
      {"no SAN", facts([](auto& f) {
         f.names.clear();
         f.subject_alt_name_extensions = 0;
       }),
       "SubjectAltNameNotAllowed"},
      {"an empty SAN", facts([](auto& f) { f.names.clear(); }), "SubjectAltNameNotAllowed"},
      {"two SAN extensions", facts([](auto& f) { f.subject_alt_name_extensions = 2; }), "SubjectAltNameNotAllowed"},
      {"the same URI twice", facts([](auto& f) { f.names.push_back(f.names[0]); }), "SubjectAltNameNotAllowed"},
      {"URI and DNS name", facts([](auto& f) {
         f.names.push_back({Type::kDns, "istiod.istio-system.svc"});
       }),
       "SubjectAltNameNotAllowed"},
      {"IP address", facts([](auto& f) {
         f.names = {{Type::kIp, "10.0.0.1"}};
       }),
       "SubjectAltNameNotAllowed"},
      {"e-mail address", facts([](auto& f) {
         f.names = {{Type::kEmail, "a@b"}};
       }),
       "SubjectAltNameNotAllowed"},
      {"not a SPIFFE ID", facts([](auto& f) { f.names[0].value = "https://foo"; }), "IdentityInvalid"},
      {"another trust domain", facts([](auto& f) { f.names[0].value = "spiffe://example.org/ns/foo/sa/app"; }),
       "IdentityInvalid"},
      {"namespace without a tenant", facts([](auto& f) { f.names[0].value = "spiffe://cluster.local/ns/qux/sa/app"; }),
       "NoTenant"},
      {"another tenant's signer", [](auto& r) { r.signer_name = "clusterissuers.cert-manager.io/bar"; },
       "SignerNotAllowed"},
      {"the default signer", [](auto& r) { r.signer_name = "clusterissuers.cert-manager.io/istio-system"; },
       "SignerNotAllowed"},
      {"nobody's signer", [](auto& r) { r.signer_name = "clusterissuers.cert-manager.io/qux"; }, "SignerNotAllowed"},
      {"a signer name that only begins like ours", [](auto& r) { r.signer_name += ".x"; }, "SignerNotAllowed"},
      {"impossible key", facts([](auto& f) {
         f.key_type = std::nullopt;
         f.key_name = "RSA-1024";
         f.signature = Pkcs10Facts::Signature::kNotChecked;
       }),
       "KeyNotAllowed"},
      {"unknown usage", [](auto& r) { r.usages.push_back("cert sign"); }, "UsageNotAllowed"},
      {"usage not allowed", [](auto& r) { r.usages.push_back("content commitment"); }, "UsageNotAllowed"},
      {"usage repeated", [](auto& r) { r.usages.push_back("server auth"); }, "UsageNotAllowed"},
      {"no usage", [](auto& r) { r.usages.clear(); }, "UsageNotAllowed"},
      {"too many usages", [](auto& r) { r.usages.assign(100000, "server auth"); }, "UsageNotAllowed"},
      {"usage not allowed in the PKCS#10", facts([](auto& f) { f.usages = {"1.3.6.1.5.5.7.3.3"}; }), "UsageNotAllowed"},
      {"usage allowed in the PKCS#10", facts([](auto& f) { f.usages = {"server auth"}; }), ""},
      {"a second too long", [](auto& r) { r.expiration_seconds = 86401; }, "DurationTooLong"},
      {"a second too short", [](auto& r) { r.expiration_seconds = 599; }, "DurationTooShort"},
      {"negative", [](auto& r) { r.expiration_seconds = -1; }, "DurationTooShort"},
      {"no expiration", [](auto& r) { r.expiration_seconds = std::nullopt; }, ""},
      {"annotated duration", [](auto& r) { r.annotated_duration = "1h"; }, ""},
      {"annotated duration too long", [](auto& r) { r.annotated_duration = "87600h"; }, "DurationTooLong"},
      {"annotated duration that cannot be read", [](auto& r) { r.annotated_duration = "long"; }, "DurationTooLong"},
      {"everything at once",
       [](auto& r) {
         r.requester = "alice";
         r.signer_name = "clusterissuers.cert-manager.io/bar";
         r.usages = {"any"};
         r.expiration_seconds = 1e9;
         r.pkcs10->ca_requested = true;
         r.pkcs10->other_extensions = {"1.2.3"};
         r.pkcs10->signature = Pkcs10Facts::Signature::kFailed;
       },
       "RequestMalformed RequesterNotAllowed ExtensionNotAllowed CaRequested SignerNotAllowed UsageNotAllowed "
       "DurationTooLong"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      SigningRequest request = make_request();
      c.change(request);
      const Decision decision = policy.evaluate(request, KnownNamespaces());
      CHECK(codes(decision) == c.codes);
      CHECK((decision.verdict == Decision::Verdict::kGranted) == c.codes.empty());
      CHECK(decision.grant.has_value() == c.codes.empty());
    }
  }
}

TEST_CASE("A service's request is judged by its signer's tenant") {
  const Policy policy = make_policy([](PolicyModel& model) { model.tenants[0].dns_names = {"svc.foo"}; });
  const std::vector<Case> cases = {
      {"as it is", [](auto&) {}, ""},
      {"ten years", [](auto& r) { r.expiration_seconds = 315360000; }, "DurationTooLong"},
      {"unlisted name",
       [](auto& r) {
         r.pkcs10->names.push_back({Type::kDns, "kubernetes.default.svc"});
       },
       "SubjectAltNameNotAllowed"},
      {"listed name in upper case", [](auto& r) { r.pkcs10->names[0].value = "ISTIOD.istio-system.svc"; },
       "SubjectAltNameNotAllowed"},
      {"a name twice", [](auto& r) { r.pkcs10->names[1] = r.pkcs10->names[0]; }, "SubjectAltNameNotAllowed"},
      {"from another tenant's signer", [](auto& r) { r.signer_name = "clusterissuers.cert-manager.io/foo"; },
       "SubjectAltNameNotAllowed"},
      {"another tenant's name",
       [](auto& r) {
         r.pkcs10->names = {{Type::kDns, "svc.foo"}};
       },
       "SubjectAltNameNotAllowed"},
      {"nobody's signer", [](auto& r) { r.signer_name = "clusterissuers.cert-manager.io/qux"; }, "SignerNotAllowed"},
      {"self does not hold for DNS names",
       [](auto& r) {
         r.requester = "system:serviceaccount:istio-system:app";
         r.requester_groups = {"system:serviceaccounts:istio-system"};
       },
       "RequesterNotAllowed"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) {
      SigningRequest request = make_service_request();
      c.change(request);
      CHECK(codes(policy.evaluate(request, KnownNamespaces())) == c.codes);
    }
  }
}

TEST_CASE("What was signed with a key that the tenant may not have does not matter") {
  const Policy policy =
      make_policy([](PolicyModel& model) { model.tenants[0].certificate.keys = {KeyType::kEcdsaP256}; });
  SigningRequest request = make_request();
  request.pkcs10->key_type = KeyType::kRsa2048;
  request.pkcs10->key_name = "RSA-2048";
  CHECK(codes(policy.evaluate(request, KnownNamespaces())) == "KeyNotAllowed");
  request.pkcs10->signature = Pkcs10Facts::Signature::kFailed;
  CHECK(codes(policy.evaluate(request, KnownNamespaces())) == "KeyNotAllowed");
}

TEST_CASE("A requester listed for one tenant may ask for that tenant alone") {
  const Policy policy = make_policy([](PolicyModel& model) { model.tenants[0].requesters = {"alice"}; });
  SigningRequest request = make_request();
  request.requester = "alice";
  CHECK(codes(policy.evaluate(request, KnownNamespaces())).empty());
  request.pkcs10->names[0].value = "spiffe://cluster.local/ns/bar/sa/app";
  request.signer_name = "clusterissuers.cert-manager.io/bar";
  CHECK(codes(policy.evaluate(request, KnownNamespaces())) == "RequesterNotAllowed");
}

TEST_CASE("An answer names no other tenant's signers") {
  SigningRequest request = make_request();
  request.pkcs10->names[0].value = "spiffe://cluster.local/ns/bar/sa/app";
  const Decision decision = make_policy().evaluate(request, KnownNamespaces());
  CHECK(to_message(decision.findings) ==
        "signet: SignerNotAllowed: asked for signer \"foo\"; tenant \"bar\" may use \"bar\" (tenants[bar].signers)");
}

TEST_CASE("A signer of another domain is none of our business") {
  const std::string signer_name =
      GENERATE("kubernetes.io/kubelet-serving", "clusterissuers.cert-manager.io", "xclusterissuers.cert-manager.io/foo",
               "", "clusterissuers.cert-manager.iox/foo");
  CAPTURE(signer_name);
  SigningRequest request = make_request();
  request.signer_name = signer_name;
  request.pkcs10 = tl::unexpected<std::string>("never looked at");
  CHECK(make_policy().evaluate(request, KnownNamespaces()).verdict == Decision::Verdict::kNotOurs);
}

TEST_CASE("In a shared domain the signers that no tenant has pass, but never the routed one") {
  const Policy policy = make_policy([](PolicyModel& model) {
    model.other_signers = PolicyModel::OtherSigners::kPass;
    model.routed_signer = "routed";
  });
  const auto [signer, verdict] =
      GENERATE(table<std::string, Decision::Verdict>({{"other", Decision::Verdict::kNotOurs},
                                                      {"foo", Decision::Verdict::kGranted},
                                                      {"bar", Decision::Verdict::kDenied},
                                                      {"routed", Decision::Verdict::kDenied}}));
  CAPTURE(signer);
  SigningRequest request = make_request();
  request.signer_name = "clusterissuers.cert-manager.io/" + signer;
  CHECK(policy.evaluate(request, KnownNamespaces()).verdict == verdict);
}

TEST_CASE("The granted lifetime is the shortest that was asked, and the maximum where nobody asked") {
  const auto [expiration, annotation, expected] =
      GENERATE(table<std::optional<std::int64_t>, std::optional<std::string>, int>({{std::nullopt, std::nullopt, 86400},
                                                                                    {3600, std::nullopt, 3600},
                                                                                    {3600, "2h", 3600},
                                                                                    {7200, "1h", 3600},
                                                                                    {std::nullopt, "1h", 3600}}));
  SigningRequest request = make_request();
  request.expiration_seconds = expiration;
  request.annotated_duration = annotation;
  const Decision decision = make_policy().evaluate(request, KnownNamespaces());
  REQUIRE(decision.grant);
  CHECK(decision.grant->terms().lifetime == seconds(expected));
}

TEST_CASE("In front of a foreign signer an absent lifetime counts as its 90 days and the annotation wins") {
  const Policy policy = make_policy([](PolicyModel& model) { model.issuers = {"cert-manager"}; });
  SigningRequest request = make_request();
  request.expiration_seconds = std::nullopt;
  CHECK(codes(policy.evaluate(request, KnownNamespaces())) == "DurationTooLong");
  request.annotated_duration = "2h";
  REQUIRE(policy.evaluate(request, KnownNamespaces()).grant);
  request.expiration_seconds = 3600;
  CHECK(policy.evaluate(request, KnownNamespaces()).grant->terms().lifetime == hours(2));
  CHECK(policy.may_issue("cert-manager", "signet"));
  CHECK_FALSE(policy.may_issue("signet", "signet"));
}

TEST_CASE("We alone may issue where the policy names nobody") {
  const Policy policy = make_policy();
  CHECK(policy.may_issue("signet", "signet"));
  CHECK_FALSE(policy.may_issue("other", "signet"));
  CHECK_FALSE(policy.may_issue("", ""));
}

TEST_CASE("An adjustment sets or clamps the lifetime and rewrites no signer but the routed one") {
  const Policy policy = make_policy([](PolicyModel& model) { model.routed_signer = "routed"; });
  const auto [signer, expiration, new_signer, new_expiration] =
      GENERATE(table<std::string, std::optional<std::int64_t>, std::optional<std::string>, std::optional<std::int64_t>>(
          {{"foo", 86400, std::nullopt, std::nullopt},
           {"foo", 600, std::nullopt, std::nullopt},
           {"foo", std::nullopt, std::nullopt, 86400},
           {"foo", 90000, std::nullopt, 86400},
           {"bar", 86400, std::nullopt, std::nullopt},
           {"routed", std::nullopt, "clusterissuers.cert-manager.io/foo", 86400}}));
  SigningRequest request = make_request();
  request.signer_name = "clusterissuers.cert-manager.io/" + signer;
  request.expiration_seconds = expiration;
  const Policy::Adjustment adjustment = policy.adjust(request, KnownNamespaces());
  CHECK(adjustment.signer_name == new_signer);
  CHECK(adjustment.expiration_seconds == new_expiration);
}

TEST_CASE("Nothing is adjusted in a request whose tenant cannot be told") {
  const Policy policy = make_policy();
  SigningRequest request = make_request();
  request.expiration_seconds = std::nullopt;
  request.pkcs10->names[0].value = "spiffe://cluster.local/ns/qux/sa/app";
  CHECK_FALSE(policy.adjust(request, KnownNamespaces()).expiration_seconds);
  request.pkcs10 = tl::unexpected<std::string>("x");
  CHECK_FALSE(policy.adjust(request, KnownNamespaces()).expiration_seconds);
}

TEST_CASE("Istiod's ten years are clamped to the maximum of the signer's tenant") {
  SigningRequest request = make_service_request();
  request.expiration_seconds = 315360000;
  CHECK(make_policy().adjust(request, KnownNamespaces()).expiration_seconds == 7776000);
}

TEST_CASE("A signer is of the one tenant that has it, and of none where several do") {
  const Policy policy = make_policy([](PolicyModel& model) { model.tenants[1].signers = {"bar", "foo"}; });
  CHECK(policy.tenant_of_signer("bar") == &policy.model().tenants[1]);
  CHECK(policy.tenant_of_signer("foo") == nullptr);
  CHECK(policy.tenant_of_signer("nobody's") == nullptr);
  CHECK(policy.tenant_of_signer("") == nullptr);
}

TEST_CASE("A grant carries its tenant's quota") {
  const IssuanceQuota quota{.per_minute = 60, .burst = 10};
  const Policy policy = make_policy([&](PolicyModel& model) { model.tenants[0].quota = quota; });
  CHECK(policy.evaluate(make_request(), KnownNamespaces()).grant->terms().quota == quota);
  CHECK(policy.evaluate(make_service_request(), KnownNamespaces()).grant->terms().quota == std::nullopt);
}

TEST_CASE("A signer's Secret is the one that the policy names, else called after it") {
  const Policy policy = make_policy([](PolicyModel& model) { model.signers = {{"foo", "foo-ca-selfsigned"}}; });
  CHECK(policy.secret_name("foo") == "foo-ca-selfsigned");
  CHECK(policy.secret_name("bar") == "bar-ca");
  CHECK(policy.signers() == std::vector<std::string>{"bar", "foo", "istio-system"});
}

}  // namespace
}  // namespace signet
