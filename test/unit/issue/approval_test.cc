#include <catch2/catch.hpp>

#include "signer/issue/reconcile.h"
#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;
using Outcome = ReconcileResult::Outcome;

namespace {

const Policy& approving_policy() {
  static const Policy policy = [] {
    PolicyModel model = fixture_policy().model();
    model.signers = {{.name = "foo", .approval = PolicyModel::Approval::kAutomatic}};
    return Policy(model, "digest");
  }();
  return policy;
}

struct Approver {
  ReconcileResult reconcile(const CertificateSigningRequest& csr) {
    api.put(csr);
    return signet::reconcile(csr, {.policy = *policy,
                                   .namespaces = namespaces,
                                   .authorities = fixture_authorities(),
                                   .audit = log,
                                   .api = api,
                                   .unsettled = unsettled,
                                   .meter = meter,
                                   .self = "signet",
                                   .synced = true,
                                   .now = kNow,
                                   .tick = {},
                                   .may_sign = may_sign});
  }
  [[nodiscard]] bool has_approved(const CertificateSigningRequest& csr) const {
    return api.stored(csr.name)->has_condition("Approved");
  }

  const Policy* policy = &approving_policy();
  FakeKubeApi api;
  MemoryLog log;
  UnsettledCertificates unsettled;
  IssuanceMeter meter;
  KnownNamespaces namespaces;
  std::function<bool()> may_sign;
};

// A request of foo's httpbin for itself, from pod httpbin-0.
CertificateSigningRequest own_request() {
  CertificateSigningRequest csr = fixture_request("requester-is-the-identity", false);
  csr.spec.extra = {{"authentication.kubernetes.io/pod-name", {"httpbin-0"}},
                    {"authentication.kubernetes.io/pod-uid", {"uid-of-the-pod"}}};
  return csr;
}

Pod live_pod(const CertificateSigningRequest& csr) {
  return {.uid = "uid-of-the-pod",
          .service_account = csr.spec.username.substr(csr.spec.username.rfind(':') + 1),
          .is_being_deleted = false,
          .phase = "Running"};
}

TEST_CASE("who may not sign any more approves nothing") {
  const int yes = GENERATE(0, 1);
  Approver approver;
  approver.may_sign = [left = yes]() mutable { return left-- > 0; };
  const CertificateSigningRequest csr = fixture_request("workload-ecdsa", false);
  CHECK(approver.reconcile(csr).outcome == Outcome::kRetry);
  CHECK_FALSE(approver.has_approved(csr));
}

TEST_CASE("what is granted for an approving signer is approved, and signed once it comes again") {
  Approver approver;
  const CertificateSigningRequest csr = fixture_request("workload-ecdsa", false);
  CHECK(approver.reconcile(csr).outcome == Outcome::kWaiting);
  REQUIRE(approver.has_approved(csr));
  const CertificateSigningRequest approved = *approver.api.stored(csr.name);
  CHECK(approved.status.conditions.front().reason == "SignetPolicy");
  CHECK(approved.status.conditions.front().message == "granted by tenants[foo] of policy digest");
  CHECK(approver.reconcile(approved).outcome == Outcome::kPublished);
}

TEST_CASE("nothing else is approved") {
  struct Row {
    const char* name;
    const char* review;
  };
  const Row row = GENERATE(values<Row>({{"another tenant's signer", "workload-asks-another-tenants-signer"},
                                        {"a signer that is approved elsewhere", "workload-bar"},
                                        {"a requester that is not listed", "unlisted-requester"},
                                        {"a certificate authority", "asks-to-be-a-ca"}}));
  INFO(row.name);
  Approver approver;
  const CertificateSigningRequest csr = fixture_request(row.review, false);
  CHECK(approver.reconcile(csr).outcome == Outcome::kWaiting);
  CHECK_FALSE(approver.has_approved(csr));
  CHECK(approver.log.records.empty());
}

TEST_CASE("who asks for himself is approved from a pod that is alive, and from nothing else") {
  struct Row {
    const char* name;
    void (*change)(CertificateSigningRequest&, KubeResult<Pod>&);
    bool approved;
    const char* message;
  };
  const Row row = GENERATE(values<Row>({
      {"its own pod", [](auto&, auto&) {}, true, ""},
      {"a pod that is about to run", [](auto&, auto& pod) { pod->phase = "Pending"; }, true, ""},
      {"a token of no pod", [](auto& csr, auto&) { csr.spec.extra.clear(); }, false,
       "is not approved: its token is not bound to a pod (spec.extra)"},
      {"two pods at once", [](auto& csr, auto&) { csr.spec.extra.begin()->second.push_back("other"); }, false,
       "is not approved: its token is not bound to a pod (spec.extra)"},
      {"a pod that is gone",
       [](auto&, auto& pod) { pod = tl::unexpected(kube_error(KubeError::Kind::kNotFound, "not found")); }, false,
       "is not approved: pod \"httpbin-0\" of namespace \"foo\" is gone"},
      {"a new pod of the name", [](auto&, auto& pod) { pod->uid = "another"; }, false,
       "is not approved: pod \"httpbin-0\" of namespace \"foo\" is another by now"},
      {"a pod of another account", [](auto&, auto& pod) { pod->service_account = "other"; }, false,
       "does not run under"},
      {"a pod that is being deleted", [](auto&, auto& pod) { pod->is_being_deleted = true; }, false, "has ended"},
      {"a pod that has ended", [](auto&, auto& pod) { pod->phase = "Succeeded"; }, false, "has ended"},
      {"a pod that has failed", [](auto&, auto& pod) { pod->phase = "Failed"; }, false, "has ended"},
  }));
  INFO(row.name);
  Approver approver;
  CertificateSigningRequest csr = own_request();
  KubeResult<Pod> pod = live_pod(csr);
  row.change(csr, pod);
  approver.api.pods.emplace("foo/httpbin-0", pod);
  const ReconcileResult result = approver.reconcile(csr);
  CHECK(result.outcome == Outcome::kWaiting);
  CHECK(approver.has_approved(csr) == row.approved);
  CHECK_THAT(result.message, Catch::Contains(row.message));
  CHECK(result.message.empty() == row.approved);
}

TEST_CASE("an approval that cannot be made now is tried again") {
  Approver approver;
  const CertificateSigningRequest csr = fixture_request("workload-ecdsa", false);
  SECTION("the API server does not answer") {
    approver.api.approvals.push_back(
        {.before = kube_error(KubeError::Kind::kTransport, "no answer"), .then = {}, .after = {}});
    CHECK(approver.reconcile(csr).outcome == Outcome::kRetry);
    CHECK_FALSE(approver.has_approved(csr));
  }
  SECTION("somebody else's change comes first") {
    approver.api.approvals.push_back(
        {.before = {},
         .then = [&] { approver.api.touch(csr.name, [](auto& stored) { stored.labels["a"] = "b"; }); },
         .after = {}});
    CHECK(approver.reconcile(csr).outcome == Outcome::kWaiting);
    CHECK(approver.has_approved(csr));
  }
  SECTION("whose its namespace is cannot be told yet") {
    PolicyModel model = approving_policy().model();
    model.tenants.front().namespaces.clear();
    model.tenants.front().namespace_selector =
        LabelSelector{{{.key = "team", .op = LabelSelector::Operator::kIn, .values = {"foo"}}}};
    const Policy by_label(model, "digest");
    approver.policy = &by_label;
    const ReconcileResult result = approver.reconcile(csr);
    CHECK(result.outcome == Outcome::kRetry);
    CHECK_THAT(result.message, Catch::StartsWith("is not decided: signet: NoTenant"));
    CHECK_FALSE(approver.has_approved(csr));
  }
  SECTION("whether its pod is alive cannot be told") {
    const CertificateSigningRequest own = own_request();
    approver.api.pods.emplace("foo/httpbin-0", tl::unexpected(kube_error(KubeError::Kind::kServer, "overloaded")));
    CHECK(approver.reconcile(own).outcome == Outcome::kRetry);
    CHECK_FALSE(approver.has_approved(own));
  }
}

}  // namespace
