#include "tools/signet/reload/policy_in_force.h"

#include <catch2/catch.hpp>
#include <set>

#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

const std::string kSelf = "system:serviceaccount:signet:signet";

std::shared_ptr<const Policy> policy_with(const std::function<void(PolicyModel&)>& change) {
  PolicyModel model = fixture_policy().model();
  change(model);
  return std::make_shared<const Policy>(std::move(model), "another digest");
}

void add_baz(PolicyModel& model) {
  PolicyModel::Tenant baz = model.tenants.front();
  baz.name = "baz";
  baz.namespaces = {*NamePattern::parse("baz")};
  baz.signers = {"baz"};
  model.tenants.push_back(std::move(baz));
}

std::vector<std::string> with_baz() {
  std::vector<std::string> signers = fixture_policy().signers();
  signers.push_back("baz");
  return signers;
}

/// The fixtures' policy in force, with CAs of a folder.
struct Stage {
  explicit Stage(const std::vector<std::string>& signers, bool with_keys = true) : cas(signers) {
    source = {.with_keys = with_keys, .directory = cas.path(), .name_space = {}};
    auto loaded = with_authorities(std::make_shared<const Policy>(fixture_policy()), source, api, kNow);
    REQUIRE(loaded);
    before = *std::move(loaded);
  }

  [[nodiscard]] auto successor(const std::shared_ptr<const Policy>& policy) {
    return successor_of(before, policy, {.source = source, .api = api, .self = kSelf, .now = kNow, .stop = {}});
  }

  CaFolder cas;
  CaSource source;
  FakeKubeApi api;
  PolicyInForce before;
};

}  // namespace

TEST_CASE("a policy with the same signers keeps the very same CAs, whatever has become of their files") {
  for (const bool with_keys : {true, false}) {
    Stage stage(fixture_policy().signers(), with_keys);
    stage.cas.remove("foo", "tls.crt");
    stage.api.answer_may_i = [](const AccessQuestion&) -> KubeResult<bool> { return false; };
    const auto policy =
        policy_with([](PolicyModel& model) { model.tenants[0].namespaces.push_back(*NamePattern::parse("more")); });
    const auto next = stage.successor(policy);
    REQUIRE(next);
    CHECK(next->policy == policy);
    CHECK(next->authorities == stage.before.authorities);
    CHECK(next->issuers == stage.before.issuers);
    CHECK((next->authorities != nullptr) == with_keys);
  }
}

TEST_CASE("a policy with other signers comes with all of their CAs, and only theirs") {
  struct Row {
    std::string name;
    std::function<void(PolicyModel&)> change;
    std::string has, has_not;
  };
  const std::vector<Row> rows = {
      {"one more", add_baz, "baz", "none"},
      {"one renamed", [](PolicyModel& model) { model.tenants[0].signers = {"baz"}; }, "baz", "foo"},
      {"one less", [](PolicyModel& model) { model.tenants.erase(model.tenants.begin()); }, "bar", "foo"},
      {"another domain", [](PolicyModel& model) { model.signer_domain = "other.example"; }, "foo", "none"},
  };
  for (const bool with_keys : {true, false}) {
    for (const Row& row : rows) {
      INFO(row.name);
      Stage stage(with_baz(), with_keys);
      const auto policy = policy_with(row.change);
      const auto next = stage.successor(policy);
      REQUIRE(next);
      CHECK(next->policy == policy);
      CHECK(next->issuers->find(row.has) != nullptr);
      CHECK(next->issuers->find(row.has_not) == nullptr);
      CHECK(next->issuers->chains().size() == policy->signers().size());
      if (with_keys) {
        CHECK(next->authorities->trust() == next->issuers);
        CHECK(next->authorities->find(row.has) != nullptr);
      } else {
        CHECK(next->authorities == nullptr);
      }
    }
  }
}

TEST_CASE("a policy is refused for everything that it lacks") {
  struct Row {
    std::string name;
    std::function<void(Stage&)> prepare;
    std::function<void(PolicyModel&)> change;
    bool with_keys;
    std::vector<std::string> problems;
    bool may_pass;
  };
  const auto nothing = [](Stage&) {};
  const auto issued_by_others = [](PolicyModel& model) { model.issuers = {"somebody"}; };
  const auto twin = [](Stage& stage) {
    for (const char* const file : {"tls.crt", "tls.key"}) stage.cas.write("baz", file, stage.cas.read("foo", file));
  };
  const std::vector<Row> rows = {
      {"no CA", nothing, add_baz, true, {"signer \"baz\": ", "signer \"baz\": "}, true},
      {"no certificate", nothing, add_baz, false, {"signer \"baz\": "}, true},
      {"another's CA", twin, add_baz, true, {"signers \"baz\" and \"foo\" have the same issuer key"}, true},
      {"another's certificate", twin, add_baz, false, {"signers \"baz\" and \"foo\" have the same issuer key"}, true},
      {"no right to sign",
       [&](Stage& stage) {
         const Issued root = make_certificate(ca_spec("baz root"), nullptr);
         stage.cas.write("baz", "tls.crt", root.pem());
         stage.cas.write("baz", "tls.key", private_pem(*root.key));
         stage.api.answer_may_i = [](const AccessQuestion& question) -> KubeResult<bool> {
           return question.verb != "sign";
         };
       },
       add_baz,
       true,
       {kSelf + " may not sign signers of certificates.k8s.io named clusterissuers.cert-manager.io/baz"},
       true},
      {"an API server that is away, and no CA",
       [](Stage& stage) {
         stage.api.answer_may_i = [](const AccessQuestion&) -> KubeResult<bool> {
           return tl::unexpected(kube_error(KubeError::Kind::kTransport, "connection refused"));
         };
       },
       add_baz,
       true,
       {"asking the API server what we may do failed: connection refused", "signer \"baz\": ", "signer \"baz\": "},
       true},
      {"other issuers", nothing, issued_by_others, true, {"the policy's issuers do not name " + kSelf}, false},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Stage stage(fixture_policy().signers(), row.with_keys);
    row.prepare(stage);
    const auto next = stage.successor(policy_with(row.change));
    REQUIRE_FALSE(next);
    CHECK(next.error().may_pass == row.may_pass);
    REQUIRE(next.error().problems.size() == row.problems.size());
    for (std::size_t i = 0; i < row.problems.size(); ++i) {
      INFO(next.error().problems[i]);
      CHECK(next.error().problems[i].starts_with(row.problems[i]));
    }
  }
}

TEST_CASE("who only guards may be told that others issue, and who signs that it is one of them") {
  Stage guard(fixture_policy().signers(), false);
  CHECK(guard.successor(policy_with([](PolicyModel& model) { model.issuers = {"somebody"}; })));
  Stage signer(fixture_policy().signers());
  CHECK(signer.successor(policy_with([](PolicyModel& model) { model.issuers = {"somebody", kSelf}; })));
}

TEST_CASE("the right to sign is asked for the new signers alone") {
  Stage stage(with_baz());
  std::set<std::string> asked;
  stage.api.answer_may_i = [&](const AccessQuestion& question) -> KubeResult<bool> {
    if (question.verb == "sign") asked.insert(question.name);
    return true;
  };
  CHECK(stage.successor(policy_with(add_baz)));
  CHECK(asked == std::set<std::string>{"clusterissuers.cert-manager.io/baz"});
}

TEST_CASE("another Secret of the same signer is read, and none after the word to stop") {
  const CaFolder folder(with_baz());
  FakeKubeApi api;
  for (const std::string& signer : with_baz()) {
    api.secrets.emplace("ca/" + signer + "-ca",
                        TlsSecret{folder.read(signer, "tls.crt"), folder.read(signer, "tls.key"), ""});
  }
  const CaSource source{.with_keys = true, .directory = {}, .name_space = "ca"};
  const auto before = with_authorities(std::make_shared<const Policy>(fixture_policy()), source, api, kNow);
  REQUIRE(before);
  const auto policy = policy_with([](PolicyModel& model) { model.signers = {{"foo", "baz-ca"}}; });
  std::stop_source stop;
  const SuccessionContext context{.source = source, .api = api, .self = kSelf, .now = kNow, .stop = stop.get_token()};
  const auto next = successor_of(*before, policy, context);
  REQUIRE(next);
  CHECK(next->issuers->find("foo")->root_pem() == folder.read("baz", "tls.crt"));
  CHECK(next->issuers->find("bar")->root_pem() == folder.read("bar", "tls.crt"));

  stop.request_stop();
  const auto stopped = successor_of(*before, policy, context);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().problems.size() == 1);
}

TEST_CASE("CAs that are read again and are the same stay the very same, and each other one comes alone") {
  for (const bool with_keys : {true, false}) {
    INFO(with_keys);
    Stage stage(fixture_policy().signers(), with_keys);
    const auto read_again = [&](const std::vector<std::string>& signers) {
      stage.before = with_cas_read_again(stage.before, signers, stage.source, stage.api, kNow);
    };
    const PolicyInForce first = stage.before;
    read_again({"bar", "foo", "none"});
    CHECK(stage.before.authorities == first.authorities);
    CHECK(stage.before.issuers == first.issuers);

    stage.cas.write("foo", "tls.crt", "half");
    read_again({});
    CHECK(stage.before.cas->at("foo").problems.empty());  // nobody said that it may be another
    read_again({"foo"});
    CHECK(stage.before.cas->at("foo").problems.size() == 1);
    CHECK(stage.before.issuers == first.issuers);

    const Issued root = make_certificate(ca_spec("foo root"), nullptr);
    stage.cas.write("foo", "tls.crt", root.pem());
    stage.cas.write("foo", "tls.key", private_pem(*root.key));
    read_again({});  // what could not be read is tried again
    CHECK(stage.before.cas->at("foo").problems.empty());
    CHECK((stage.before.cas->at("foo").staged != nullptr) == with_keys);
    CHECK((stage.before.issuers == first.issuers) == with_keys);
    CHECK((stage.before.issuers->find("foo")->root_pem() == root.pem()) == !with_keys);
    CHECK(stage.before.issuers->find("bar") == first.issuers->find("bar"));

    stage.cas.write("foo/in-use", "tls.crt", root.pem());
    stage.cas.write("foo/in-use", "tls.key", private_pem(*root.key));
    read_again({"foo"});
    CHECK(stage.before.issuers->find("foo")->root_pem() == root.pem());
    CHECK(stage.before.issuers->find("bar") == first.issuers->find("bar"));
    if (with_keys) {
      CHECK(stage.before.authorities->find("bar") == first.authorities->find("bar"));
      CHECK(stage.before.authorities->find("foo") != first.authorities->find("foo"));
      CHECK(stage.before.authorities->trust() == stage.before.issuers);
    }
  }
}

TEST_CASE("another key stays staged when another policy has all CAs read again") {
  Stage stage(with_baz());
  const auto foo = stage.before.authorities->find("foo");
  const Issued root = make_certificate(ca_spec("foo root"), nullptr);
  stage.cas.write("foo", "tls.crt", root.pem());
  stage.cas.write("foo", "tls.key", private_pem(*root.key));
  const auto next = stage.successor(policy_with(add_baz));
  REQUIRE(next);
  CHECK(next->authorities->find("foo") == foo);
  CHECK(next->cas->at("foo").staged != nullptr);
  CHECK(next->authorities->find("baz") != nullptr);
}

TEST_CASE("who loads the current policy keeps all of it, whatever is stored meanwhile") {
  const auto first = std::make_shared<const Policy>(fixture_policy());
  CurrentPolicy current({.policy = first, .authorities = nullptr, .issuers = nullptr});
  const auto loaded = current.load();
  const auto second = policy_with(add_baz);
  current.store({.policy = second, .authorities = nullptr, .issuers = nullptr});
  CHECK(loaded->policy == first);
  CHECK(current.load()->policy == second);
}
