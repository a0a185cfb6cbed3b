#include "signer/issue/reconcile.h"

#include <catch2/catch.hpp>
#include <map>

#include "signer/csr/sha256.h"
#include "signer/trust/certificate.h"
#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;
using Kind = KubeError::Kind;
using Outcome = ReconcileResult::Outcome;

namespace {

/// A signer's surroundings with one request in them.
struct World {
  explicit World(CertificateSigningRequest request) : csr(std::move(request)) { api.put(csr); }
  explicit World(const std::string& review, bool approved = true) : World(fixture_request(review, approved)) {}

  ReconcileResult reconcile() { return reconcile(csr); }
  ReconcileResult reconcile(const CertificateSigningRequest& seen) { return signet::reconcile(seen, context()); }
  [[nodiscard]] ReconcileContext context() {
    return {.policy = *policy,
            .namespaces = namespaces,
            .authorities = fixture_authorities(),
            .audit = log,
            .api = api,
            .unsettled = unsettled,
            .meter = meter,
            .self = "signet",
            .synced = synced,
            .now = kNow,
            .tick = tick,
            .may_sign = may_sign,
            .clock_lead = [this](auto now, auto at) { return now == kNow && at == tick ? clock_lead : std::nullopt; }};
  }
  [[nodiscard]] CertificateSigningRequest stored() const { return api.stored(csr.name).value(); }

  CertificateSigningRequest csr;
  FakeKubeApi api;
  KnownNamespaces namespaces;
  MemoryLog log;
  UnsettledCertificates unsettled;
  IssuanceMeter meter;
  IssuanceMeter::Clock::time_point tick;
  const Policy* policy = &fixture_policy();
  bool synced = true;
  std::function<bool()> may_sign;
  std::optional<std::chrono::seconds> clock_lead;
};

/// Whether exactly one certificate is told of as published, and it is the one that stands there.
void check_published(const World& world) {
  const auto chain = read_certificates(world.stored().status.certificate);
  REQUIRE(chain);
  REQUIRE_FALSE(world.log.records.empty());
  const AuditRecord& last = world.log.records.back();
  CHECK(last.event == AuditRecord::Event::kPublished);
  REQUIRE(last.certificate);
  CHECK(last.certificate->sha256 == sha256_hex(chain->front().der));
}

/// Says yes that often and then no.
std::function<bool()> yes_for(int times) {
  return [times]() mutable { return times-- > 0; };
}

/// The fixtures' policy with quotas, by tenant.
Policy policy_with_quota(const std::map<std::string, IssuanceQuota>& quotas) {
  PolicyModel model = fixture_policy().model();
  for (PolicyModel::Tenant& tenant : model.tenants) {
    if (quotas.contains(tenant.name)) tenant.quota = quotas.at(tenant.name);
  }
  return {model, "digest"};
}

}  // namespace

TEST_CASE("an approved request that is granted gets a certificate and two records") {
  World world("workload-ecdsa");
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued published");
  check_published(world);
  CHECK(world.stored().status.conditions == world.csr.status.conditions);
  const AuditRecord& record = world.log.records.front();
  CHECK(record.csr_uid == world.csr.uid);
  CHECK(record.tenant == "foo");
  CHECK(record.decision == "granted");
  CHECK(record.policy == "digest-of-the-policy");
}

TEST_CASE("the record of issuing is there before the certificate is") {
  World world("workload-ecdsa");
  std::string told;
  world.api.patches.push_back({.before = {}, .then = [&] { told = world.log.events(); }, .after = {}});
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(told == "issued");
}

TEST_CASE("what needs nothing is left alone") {
  struct Row {
    const char* name;
    std::function<void(CertificateSigningRequest&)> change;
    Outcome outcome;
  };
  const Row row = GENERATE(values<Row>({
      {"another domain's signer", [](auto& csr) { csr.spec.signer_name = "kubernetes.io/kubelet-serving"; },
       Outcome::kNotOurs},
      {"not approved", [](auto& csr) { csr.status.conditions.clear(); }, Outcome::kWaiting},
      {"approval withdrawn", [](auto& csr) { csr.status.conditions[0].status = "False"; }, Outcome::kWaiting},
      {"denied",
       [](auto& csr) {
         csr.status.conditions.push_back({"Denied", "True", "", "", "", ""});
       },
       Outcome::kDone},
      {"failed",
       [](auto& csr) {
         csr.status.conditions.push_back({"Failed", "True", "", "", "", ""});
       },
       Outcome::kDone},
      {"has a certificate", [](auto& csr) { csr.status.certificate = "somebody's"; }, Outcome::kDone},
  }));
  INFO(row.name);
  auto csr = fixture_request("workload-ecdsa");
  row.change(csr);
  World world(csr);
  CHECK(world.reconcile().outcome == row.outcome);
  CHECK(world.api.patch_count() == 0);
  CHECK(world.log.records.empty());
  CHECK(world.stored() == csr);
}

TEST_CASE("an approved request that is not granted fails with every finding and keeps its conditions") {
  World world("workload-asks-another-tenants-signer");
  CHECK(world.reconcile().outcome == Outcome::kFailed);
  CHECK(world.log.events() == "refused");
  const auto status = world.stored().status;
  CHECK(status.certificate.empty());
  REQUIRE(status.conditions.size() == 2);
  CHECK(status.conditions[0] == world.csr.status.conditions[0]);
  CHECK(status.conditions[1].type == "Failed");
  CHECK(status.conditions[1].status == "True");
  CHECK(status.conditions[1].reason == "SignerNotAllowed");
  CHECK(status.conditions[1].message == world.log.records[0].message);
  CHECK(status.conditions[1].message.starts_with("signet: SignerNotAllowed: "));
}

TEST_CASE("nothing fails before everything was seen once") {
  World world("workload-asks-another-tenants-signer");
  world.synced = false;
  CHECK(world.reconcile().outcome == Outcome::kRetry);
  CHECK(world.api.patch_count() == 0);
  CHECK(world.log.records.empty());
  world.synced = true;
  CHECK(world.reconcile().outcome == Outcome::kFailed);
}

TEST_CASE("while the log cannot be written nothing leaves, be it a certificate or a refusal") {
  const std::string review = GENERATE("workload-ecdsa", "workload-asks-another-tenants-signer");
  World world(review);
  world.log.fails = true;
  const ReconcileResult result = world.reconcile();
  CHECK(result.outcome == Outcome::kRetry);
  CHECK(result.message == "audit log: the disk is full");
  CHECK(result.awaits_log);
  CHECK(world.api.patch_count() == 0);
  world.log.fails = false;
  CHECK(world.reconcile().outcome == (review == "workload-ecdsa" ? Outcome::kPublished : Outcome::kFailed));
}

TEST_CASE("while it is known that the log cannot be written nothing is tried") {
  const std::string review = GENERATE("workload-ecdsa", "workload-asks-another-tenants-signer");
  World world(review);
  world.log.known_problem = "the disk is full";
  const ReconcileResult result = world.reconcile();
  CHECK(result.outcome == Outcome::kRetry);
  CHECK(result.message == "audit log: the disk is full");
  CHECK(result.awaits_log);
  CHECK(world.log.records.empty());
  CHECK(world.api.patch_count() == 0);
  world.log.known_problem.clear();
  CHECK(world.reconcile().outcome == (review == "workload-ecdsa" ? Outcome::kPublished : Outcome::kFailed));
}

TEST_CASE("nothing is signed while the clock is too far from the API server's, of which the last word is asked for") {
  using std::chrono::seconds;
  struct Row {
    const char* name;
    std::optional<seconds> known;
    std::optional<seconds> heard;  // when it is asked for
    const char* message;           // empty: it is signed
  };
  const Row row = GENERATE(values<Row>({
      {"not known", {}, {}, ""},
      {"a little ahead", seconds(240), {}, ""},
      {"a little behind", seconds(-240), {}, ""},
      {"too far ahead", seconds(241), seconds(242), "not signed: the clock is 242 s ahead of the API server's"},
      {"too far behind", seconds(-7200), seconds(-7200), "not signed: the clock is 7200 s behind the API server's"},
      {"only what was known was wrong", seconds(7200), seconds(1), ""},
  }));
  INFO(row.name);
  World world("workload-ecdsa");
  world.clock_lead = row.known;
  if (row.heard) {
    world.api.gets.push_back({.before = {}, .then = [&] { world.clock_lead = row.heard; }, .after = {}});
  }
  const ReconcileResult result = world.reconcile();
  CHECK(result.message == row.message);
  const bool is_signed = std::string(row.message).empty();
  CHECK(result.outcome == (is_signed ? Outcome::kPublished : Outcome::kRetry));
  CHECK(result.transient == !is_signed);
  CHECK(world.log.events() == (is_signed ? "issued published" : ""));
  CHECK(world.api.gets.empty());
}

TEST_CASE("a request that changed meanwhile is read again and judged anew") {
  World world("workload-ecdsa");
  world.api.touch(world.csr.name, [](auto& csr) { csr.labels["new"] = "label"; });
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued discarded issued published");
  CHECK(world.log.records[1].certificate->sha256 == world.log.records[0].certificate->sha256);
  CHECK(world.log.records[1].message ==
        "status.certificate: the object has been modified; the request changed before the certificate was written");
  check_published(world);
}

TEST_CASE("an annotation that changes the decision after the request was read is not missed") {
  World world("workload-ecdsa");
  world.api.touch(world.csr.name,
                  [](auto& csr) { csr.annotations["experimental.cert-manager.io/request-is-ca"] = "true"; });
  CHECK(world.reconcile().outcome == Outcome::kFailed);
  CHECK(world.log.events() == "issued discarded refused");
  CHECK(world.stored().status.certificate.empty());
}

TEST_CASE("a request that changes again and again has others go first") {
  World world("workload-ecdsa");
  for (int i = 0; i < 100; ++i) {
    world.api.patches.push_back(
        {.before = {}, .then = [&] { world.api.touch(world.csr.name, [](auto&) {}); }, .after = {}});
  }
  CHECK(world.reconcile().outcome == Outcome::kRetry);
  CHECK(world.log.events() == "issued discarded issued discarded issued discarded issued discarded");
}

TEST_CASE("where somebody else was first, ours is discarded") {
  World world("workload-ecdsa");
  world.api.touch(world.csr.name, [](auto& csr) { csr.status.certificate = "another replica's"; });
  CHECK(world.reconcile().outcome == Outcome::kDone);
  CHECK(world.log.events() == "issued discarded");
  CHECK(world.stored().status.certificate == "another replica's");
}

TEST_CASE("a request that is gone, or another's by now, gets nothing") {
  World gone("workload-ecdsa");
  gone.api.erase(gone.csr.name);
  CHECK(gone.reconcile().outcome == Outcome::kDone);
  CHECK(gone.log.events() == "issued discarded");

  World other("workload-ecdsa");
  other.api.touch(other.csr.name, [](auto& csr) {
    csr.uid = "another";
    csr.status.conditions.clear();
  });
  CHECK(other.reconcile().outcome == Outcome::kWaiting);
  CHECK(other.log.events() == "issued discarded");
  CHECK(other.stored().status.certificate.empty());
}

TEST_CASE("a certificate that the API server will not have is discarded with its words and tried again later") {
  const Kind kind = GENERATE(Kind::kForbidden, Kind::kInvalid);
  World world("workload-ecdsa");
  world.api.patches.push_back({.before = kube_error(kind, "no"), .then = {}, .after = {}});
  const ReconcileResult result = world.reconcile();
  CHECK(result.outcome == Outcome::kRetry);
  CHECK_FALSE(result.transient);
  CHECK(world.log.events() == "issued discarded");
  CHECK(world.log.records.back().message == "status.certificate: no");
  CHECK(world.unsettled.size() == 0);
}

TEST_CASE("while our token is not accepted a certificate is kept, and sent again, the same") {
  World world("workload-ecdsa");
  for (int i = 0; i < 3; ++i) {
    world.api.patches.push_back({.before = kube_error(Kind::kUnauthorized, "who?"), .then = {}, .after = {}});
    const ReconcileResult result = world.reconcile();
    CHECK(result.outcome == Outcome::kRetry);
    CHECK(result.transient);
  }
  CHECK(world.log.events() == "issued");
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued published");
}

TEST_CASE("who may not sign any more writes nothing, and the log says so of a certificate that was issued") {
  struct Row {
    const char* name;
    const char* review;
    int yes;  // how often it was on us still
    const char* events;
    const char* message;
  };
  const Row row = GENERATE(values<Row>({
      {"before anything", "workload-ecdsa", 0, "", ""},
      {"before the certificate was written", "workload-ecdsa", 1, "issued discarded",
       "status.certificate: not written, for another may be the signer by now"},
      {"before anything, refused", "workload-asks-another-tenants-signer", 0, "", ""},
      {"before the condition Failed was written", "workload-asks-another-tenants-signer", 1, "refused", ""},
  }));
  INFO(row.name);
  World world(row.review);
  world.may_sign = yes_for(row.yes);
  const ReconcileResult result = world.reconcile();
  CHECK(result.outcome == Outcome::kRetry);
  CHECK_FALSE(result.unsettled);
  CHECK(result.message == row.message);
  CHECK(world.log.events() == row.events);
  CHECK(world.api.patch_count() == 0);
  CHECK(world.stored() == world.csr);
}

TEST_CASE("who may not sign any more still learns what became of the certificate he sent") {
  struct Row {
    const char* name;
    bool effect;
    std::function<void(World&)> change;
    bool unsettled;
    const char* events;
  };
  const Row row = GENERATE(values<Row>({
      {"it is there", true, [](World&) {}, false, "issued published"},
      {"another's is there", false,
       [](World& world) { world.api.touch(world.csr.name, [](auto& csr) { csr.status.certificate = "other"; }); },
       false, "issued discarded"},
      {"nothing is there yet", false, [](World&) {}, true, "issued"},
  }));
  INFO(row.name);
  World world("workload-ecdsa");
  const auto error = kube_error(Kind::kTransport, "no answer");
  world.api.patches.push_back(row.effect ? FakeKubeApi::Mishap{.before = {}, .then = {}, .after = error}
                                         : FakeKubeApi::Mishap{.before = error, .then = {}, .after = {}});
  REQUIRE(world.reconcile().unsettled);
  row.change(world);
  const int patches = world.api.patch_count();
  world.may_sign = yes_for(0);
  CHECK(world.reconcile().unsettled == row.unsettled);
  CHECK(world.log.events() == row.events);
  CHECK(world.api.patch_count() == patches);
}

TEST_CASE("a write without an answer is settled whether or not it took effect") {
  const Kind kind = GENERATE(Kind::kTransport, Kind::kServer, Kind::kTooManyRequests, Kind::kBadResponse);
  const bool effect = GENERATE(false, true);
  World world("workload-ecdsa");
  const auto error = kube_error(kind, "no answer");
  world.api.patches.push_back(effect ? FakeKubeApi::Mishap{.before = {}, .then = {}, .after = error}
                                     : FakeKubeApi::Mishap{.before = error, .then = {}, .after = {}});
  const ReconcileResult first = world.reconcile();
  CHECK(first.outcome == Outcome::kRetry);
  CHECK(first.transient == (kind != Kind::kBadResponse));
  CHECK(first.unsettled);
  CHECK(world.log.events() == "issued");
  CHECK(world.unsettled.size() == 1);

  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued published");
  CHECK(world.unsettled.size() == 0);
  check_published(world);
}

TEST_CASE("a write without an answer is known to be published when the watch shows it") {
  World world("workload-ecdsa");
  world.api.patches.push_back({.before = {}, .then = {}, .after = kube_error(Kind::kTransport, "no answer")});
  CHECK(world.reconcile().unsettled);
  const CertificateSigningRequest seen = world.stored();
  world.api.erase(world.csr.name);
  CHECK(world.reconcile(seen).outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued published");
}

TEST_CASE("a certificate without an answer has an end whatever became of the request") {
  struct Row {
    const char* name;
    std::function<void(World&)> change;
    Outcome outcome;
    const char* events;
  };
  const Row row = GENERATE(values<Row>({
      {"it was deleted", [](World& world) { world.api.erase(world.csr.name); }, Outcome::kDone, "issued published"},
      {"it was denied",
       [](World& world) {
         world.api.touch(world.csr.name, [](auto& csr) {
           csr.status.conditions.push_back({"Denied", "True", "", "", "", ""});
         });
       },
       Outcome::kDone, "issued discarded"},
      {"somebody else signed it",
       [](World& world) { world.api.touch(world.csr.name, [](auto& csr) { csr.status.certificate = "other"; }); },
       Outcome::kDone, "issued discarded"},
      {"it changed", [](World& world) { world.api.touch(world.csr.name, [](auto&) {}); }, Outcome::kPublished,
       "issued discarded issued published"},
      {"another has its name",
       [](World& world) { world.api.touch(world.csr.name, [](auto& csr) { csr.uid = "another"; }); },
       Outcome::kPublished, "issued published issued published"},
      {"the right to write was lost",
       [](World& world) {
         for (int i = 0; i < 2; ++i) {
           world.api.patches.push_back({.before = kube_error(Kind::kForbidden, "no"), .then = {}, .after = {}});
         }
       },
       Outcome::kRetry, "issued"},
  }));
  INFO(row.name);
  World world("workload-ecdsa");
  world.api.patches.push_back({.before = kube_error(Kind::kTransport, "no answer"), .then = {}, .after = {}});
  REQUIRE(world.reconcile().unsettled);
  row.change(world);
  CHECK(world.reconcile().outcome == row.outcome);
  CHECK(world.log.events() == row.events);
  CHECK(world.unsettled.size() == (row.outcome == Outcome::kRetry ? 1 : 0));
}

TEST_CASE("a certificate that may have been read before its request went is never told to be discarded") {
  struct Row {
    const char* name;
    std::function<void(World&)> change;
    const char* why;
  };
  const Row row = GENERATE(values<Row>({
      {"deleted", [](World& world) { world.api.erase(world.csr.name); }, "the request is gone"},
      {"replaced", [](World& world) { world.api.touch(world.csr.name, [](auto& csr) { csr.uid = "another"; }); },
       "another request has its name"},
  }));
  const bool at_the_end = GENERATE(false, true);
  INFO(row.name << (at_the_end ? " at the end" : ""));
  World world("workload-ecdsa");
  world.api.patches.push_back({.before = {}, .then = {}, .after = kube_error(Kind::kTransport, "no answer")});
  REQUIRE(world.reconcile().unsettled);
  row.change(world);
  if (at_the_end) {
    settle(world.context());
  } else {
    static_cast<void>(world.reconcile());
  }
  REQUIRE(world.log.records.size() >= 2);
  CHECK(world.log.records[1].event == AuditRecord::Event::kPublished);
  CHECK(world.log.records[1].certificate->sha256 == world.log.records[0].certificate->sha256);
  CHECK(world.log.records[1].message.find("presumed to be published") == 0);
  CHECK(world.log.records[1].message.find(row.why) != std::string::npos);
}

TEST_CASE("a late effect of a write without an answer is found though the right to write was lost") {
  World world("workload-ecdsa");
  world.api.patches.push_back({.before = {}, .then = {}, .after = kube_error(Kind::kTransport, "no answer")});
  REQUIRE(world.reconcile().unsettled);
  world.api.patches.push_back({.before = kube_error(Kind::kForbidden, "no"), .then = {}, .after = {}});
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  check_published(world);
}

TEST_CASE("a conflict that cannot be looked into leaves the end open until it can") {
  World world("workload-ecdsa");
  world.api.touch(world.csr.name, [](auto&) {});
  world.api.gets.push_back({.before = kube_error(Kind::kTransport, "no answer"), .then = {}, .after = {}});
  CHECK(world.reconcile().unsettled);
  CHECK(world.log.events() == "issued");
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued discarded issued published");
}

TEST_CASE("what the API server asks to wait is passed on") {
  World world("workload-ecdsa");
  auto error = kube_error(Kind::kTooManyRequests, "slow down");
  error.retry_after = std::chrono::seconds(7);
  world.api.patches.push_back({.before = error, .then = {}, .after = {}});
  CHECK(world.reconcile().retry_after == std::chrono::seconds(7));
}

TEST_CASE("a refusal that cannot be written is tried again, and one that was overtaken is judged anew") {
  World world("workload-asks-another-tenants-signer");
  world.api.patches.push_back({.before = kube_error(Kind::kServer, "broken"), .then = {}, .after = {}});
  CHECK(world.reconcile().message == "condition Failed: broken");
  world.api.touch(world.csr.name, [](auto& csr) { csr.labels["a"] = "b"; });
  CHECK(world.reconcile().outcome == Outcome::kFailed);
  CHECK(world.stored().status.conditions.size() == 2);
}

TEST_CASE("where the policy names issuers only they sign") {
  const bool are_we_named = GENERATE(false, true);
  PolicyModel model = fixture_policy().model();
  model.issuers = {"cert-manager"};
  if (are_we_named) model.issuers.emplace_back("signet");
  const Policy policy(model, "digest");
  World world("workload-ecdsa");
  world.policy = &policy;
  CHECK(world.reconcile().outcome == (are_we_named ? Outcome::kPublished : Outcome::kNotOurs));
}

TEST_CASE("at the end each unsettled certificate is settled if the API server answers") {
  World world("workload-ecdsa");
  world.api.patches.push_back({.before = {}, .then = {}, .after = kube_error(Kind::kTransport, "no answer")});
  REQUIRE(world.reconcile().unsettled);
  world.api.patches.push_back({.before = kube_error(Kind::kTransport, "no answer"), .then = {}, .after = {}});
  settle(world.context());
  CHECK(world.unsettled.size() == 1);
  CHECK(world.log.events() == "issued");
  settle(world.context());
  CHECK(world.unsettled.size() == 0);
  CHECK(world.log.events() == "issued published");
}

TEST_CASE("a signer without a CA keeps its requests waiting") {
  World world("workload-ecdsa");
  const CaFolder folder({"bar"});
  const auto other = cas_of_directory(folder.path(), {"bar"}, kNow);
  const ReconcileResult result = signet::reconcile(world.csr, {.policy = fixture_policy(),
                                                               .namespaces = world.namespaces,
                                                               .authorities = *other,
                                                               .audit = world.log,
                                                               .api = world.api,
                                                               .unsettled = world.unsettled,
                                                               .meter = world.meter,
                                                               .synced = true,
                                                               .now = kNow,
                                                               .tick = world.tick});
  CHECK(result.outcome == Outcome::kRetry);
  CHECK(result.message == "signer \"foo\": has no CA");
  CHECK(world.log.records.empty());
}

TEST_CASE("a request without a token of its tenant's quota waits: it is neither signed, failed nor told of") {
  const Policy policy = policy_with_quota({{"foo", {.per_minute = 60, .burst = 2}}});
  World world("workload-ecdsa");
  world.policy = &policy;
  for (int i = 0; i < 2; ++i) {
    world.api.put(world.csr);
    CHECK(world.reconcile().outcome == Outcome::kPublished);
  }
  world.api.put(world.csr);
  const int patches = world.api.patch_count();
  for (int i = 0; i < 3; ++i) {
    const ReconcileResult result = world.reconcile();
    CHECK(result.outcome == Outcome::kThrottled);
    REQUIRE(result.throttled);
    CHECK(result.throttled->tenant == "foo");
    CHECK(result.throttled->wait == std::chrono::seconds(1));
    CHECK(result.message ==
          "tenant \"foo\" has used up its quota (tenants[foo].quota: 60 a minute, burst 2); its other requests wait");
    CHECK_FALSE(result.unsettled);
  }
  CHECK(world.stored() == world.csr);
  CHECK(world.api.patch_count() == patches);
  CHECK(world.log.events() == "issued published issued published");

  world.tick += std::chrono::seconds(1);
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued published issued published issued published");
}

TEST_CASE("tokens are counted by tenant, and nothing is counted for a tenant without a quota") {
  const Policy policy = policy_with_quota({{"foo", {.per_minute = 1, .burst = 1}}, {"mesh", {1, 1}}});
  World world("workload-ecdsa");
  world.policy = &policy;
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  world.api.put(world.csr);
  CHECK(world.reconcile().outcome == Outcome::kThrottled);
  const std::string review = GENERATE("istiod-serving-certificate", "workload-bar");
  INFO(review);
  world.csr = fixture_request(review);
  for (int i = 0; i < 3; ++i) {
    world.api.put(world.csr);
    const bool has_token = review == "workload-bar" || i == 0;
    CHECK(world.reconcile().outcome == (has_token ? Outcome::kPublished : Outcome::kThrottled));
  }
}

TEST_CASE("what is not signed takes no token") {
  const Policy policy = policy_with_quota({{"foo", {.per_minute = 1, .burst = 1}}});
  const auto use_token_up = [&](World& world) { static_cast<void>(world.meter.take("foo", {1, 1}, world.tick)); };
  World refused("workload-asks-another-tenants-signer");
  refused.policy = &policy;
  use_token_up(refused);
  CHECK(refused.reconcile().outcome == Outcome::kFailed);

  World waiting("workload-ecdsa", false);
  waiting.policy = &policy;
  CHECK(waiting.reconcile().outcome == Outcome::kWaiting);
  World unsynced("workload-asks-another-tenants-signer");
  unsynced.policy = &policy;
  unsynced.synced = false;
  CHECK(unsynced.reconcile().outcome == Outcome::kRetry);
  CHECK((waiting.meter.size() == 0 && unsynced.meter.size() == 0));
}

TEST_CASE("each signature takes a token, whatever becomes of it") {
  struct Row {
    const char* name;
    std::function<void(World&)> mishap;
    std::string events;
  };
  const Row row = GENERATE(values<Row>({
      {"the write conflicts", [](World& world) { world.api.touch(world.csr.name, [](auto&) {}); }, "issued discarded"},
      {"the write is refused",
       [](World& world) {
         world.api.patches.push_back({.before = kube_error(Kind::kForbidden, "no"), .then = {}, .after = {}});
       },
       "issued discarded"},
      {"the log cannot be written", [](World& world) { world.log.fails = true; }, ""},
  }));
  INFO(row.name);
  const Policy policy = policy_with_quota({{"foo", {.per_minute = 1, .burst = 1}}});
  World world("workload-ecdsa");
  world.policy = &policy;
  row.mishap(world);
  const ReconcileResult first = world.reconcile();
  world.log.fails = false;
  // A conflict is judged anew at once, and finds no token.
  CHECK(first.outcome == (row.name == std::string("the write conflicts") ? Outcome::kThrottled : Outcome::kRetry));
  CHECK(world.log.events() == row.events);
  CHECK(world.reconcile().outcome == Outcome::kThrottled);
  CHECK(world.stored().status.certificate.empty());
}

TEST_CASE("the end of a certificate that was sent is learned without a token") {
  const Policy policy = policy_with_quota({{"foo", {.per_minute = 1, .burst = 1}}});
  World world("workload-ecdsa");
  world.policy = &policy;
  world.api.patches.push_back({.before = kube_error(Kind::kTransport, "no answer"), .then = {}, .after = {}});
  REQUIRE(world.reconcile().unsettled);
  CHECK(world.reconcile().outcome == Outcome::kPublished);
  CHECK(world.log.events() == "issued published");
}
