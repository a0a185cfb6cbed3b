#include "signer/kube/csr_watcher.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <semaphore>

#include "test/unit/kube/scripted_api.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using Kind = KubeError::Kind;

std::string csr_json(const std::string& name, const std::string& signer, const std::string& version = "7") {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"("},"spec":{"signerName":")" +
         signer + R"("}})";
}

// What a watcher told.
class Told {
 public:
  CsrWatcherCallbacks callbacks() {
    return {[this](WatchEventType type, const CertificateSigningRequest& csr) {
              add(std::to_string(static_cast<int>(type)) + ' ' + csr.name + ' ' + csr.resource_version);
            },
            [this] { add("synced"); }, [this](const std::string& message) { add(message); }};
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex_);
    return told_;
  }

 private:
  void add(std::string text) {
    const std::lock_guard lock(mutex_);
    told_.push_back(std::move(text));
  }
  std::mutex mutex_;
  std::vector<std::string> told_;
};

CsrWatcherOptions options(SignerNames signers) {
  CsrWatcherOptions options;
  options.signers = std::move(signers);
  options.pacing.first_wait = 1ms;
  options.pacing.longest_wait = 1ms;
  options.pacing.random = [] { return 0.0; };
  return options;
}

using Names = std::vector<std::string>;
constexpr auto kAdded = WatchEventType::kAdded;
constexpr auto kModified = WatchEventType::kModified;
constexpr auto kDeleted = WatchEventType::kDeleted;
constexpr auto kBookmark = WatchEventType::kBookmark;

TEST_CASE("What is listed comes first, then synced, then what is watched from there") {
  ScriptedApi api;
  api.lists["x/foo"] = {{{csr_json("a", "x/foo"), csr_json("b", "x/foo")}, "10"}};
  api.watches["x/foo"] = {{{{kAdded, csr_json("c", "x/foo", "11")},
                            {kModified, csr_json("c", "x/foo", "12")},
                            {kDeleted, csr_json("c", "x/foo", "13")},
                            {kBookmark, R"({"metadata":{"resourceVersion":"20"}})"}},
                           {}}};
  Told told;
  CsrWatcher watcher(api, options({"x/foo"}), told.callbacks());
  api.await_silent(1);
  CHECK(watcher.synced());
  CHECK(told.all() == Names{"0 a 7", "0 b 7", "synced", "0 c 11", "1 c 12", "2 c 13"});
  CHECK(api.calls() == Names{"list x/foo", "watch x/foo from 10", "watch x/foo from 20"});
}

TEST_CASE("After an error a watch goes on where it was, or from a new list where it cannot") {
  struct Row {
    const char* name;
    Kind kind;
    Names calls;
  };
  const Row rows[] = {
      {"transport", Kind::kTransport, {"list s", "watch s from 1", "watch s from 5"}},
      {"server", Kind::kServer, {"list s", "watch s from 1", "watch s from 5"}},
      {"throttled", Kind::kTooManyRequests, {"list s", "watch s from 1", "watch s from 5"}},
      {"gone", Kind::kGone, {"list s", "watch s from 1", "list s", "watch s from 1"}},
      {"bad response", Kind::kBadResponse, {"list s", "watch s from 1", "list s", "watch s from 1"}},
      {"forbidden", Kind::kForbidden, {"list s", "watch s from 1", "list s", "watch s from 1"}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    ScriptedApi api;
    api.watches["s"] = {{{{kModified, csr_json("a", "s", "5")}}, injected(row.kind)}};
    Told told;
    CsrWatcher watcher(api, options({"s"}), told.callbacks());
    api.await_silent(1);
    watcher.stop();
    CHECK(api.calls() == row.calls);
    CHECK(told.all() == Names{"synced", "1 a 5", "watch of CertificateSigningRequests of s: injected"});
  }
}

TEST_CASE("It is synced when the last signer's list is complete, and says so once") {
  ScriptedApi api;
  api.lists["bad"] = {{{}, injected(Kind::kForbidden)},
                      {{csr_json("late", "bad")}, injected(Kind::kServer)},
                      {{csr_json("late", "bad")}, "3"}};
  api.watches["bad"] = {{{}, injected(Kind::kGone)}};
  Told told;
  CsrWatcher watcher(api, options({"bad", "good"}), told.callbacks());
  api.await_silent(2);
  const Names all = told.all();
  CHECK(std::count(all.begin(), all.end(), "list of CertificateSigningRequests of bad: injected") == 2);
  CHECK(std::count(all.begin(), all.end(), "0 late 7") == 2);
  CHECK(std::count(all.begin(), all.end(), "synced") == 1);
  CHECK(std::find(all.rbegin(), all.rend(), "0 late 7") > std::find(all.rbegin(), all.rend(), "synced"));
}

TEST_CASE("A watcher is not synced while a list fails") {
  ScriptedApi api;
  api.lists["s"] = {{{}, injected(Kind::kServer)}};
  Told told;
  std::binary_semaphore failed(0);
  CsrWatcherCallbacks callbacks = told.callbacks();
  callbacks.on_problem = [&failed](const std::string&) { failed.release(); };
  CsrWatcherOptions patient = options({"s"});
  patient.pacing.first_wait = 1h;
  patient.pacing.longest_wait = 1h;
  CsrWatcher watcher(api, patient, callbacks);
  failed.acquire();
  CHECK_FALSE(watcher.synced());
  // Ends an hour's wait.
  watcher.stop();
  CHECK_FALSE(watcher.synced());
  CHECK(told.all().empty());
  CHECK(api.calls() == Names{"list s"});
}

TEST_CASE("Sixteen signers have a watch each, seventeen share one that is filtered") {
  SignerNames signers;
  for (int i = 0; i < 16; ++i) signers.insert("x/" + std::to_string(i));
  {
    ScriptedApi api;
    Told told;
    CsrWatcher watcher(api, options(signers), told.callbacks());
    api.await_silent(16);
    CHECK(told.all() == Names{"synced"});
  }
  signers.insert("x/16");
  ScriptedApi api;
  api.lists[""] = {{{csr_json("a", "x/3"), csr_json("b", "y/3"), R"({"metadata":{"name":"none"}})"}, "10"}};
  api.watches[""] = {{{{kAdded, csr_json("c", "x/16", "11")}, {kAdded, csr_json("d", "y/16", "12")}}, {}}};
  Told told;
  CsrWatcher watcher(api, options(signers), told.callbacks());
  api.await_silent(1);
  CHECK(told.all() == Names{"0 a 7", "synced", "0 c 11"});
  CHECK(api.calls() == Names{"list ", "watch  from 10", "dropped", "watch  from 11"});
}

TEST_CASE("A filtered watch drops only lines that are for other signers") {
  const SignerNames signers = {"x/foo", "x/bar"};
  const struct {
    std::string line;
    bool expected;
  } rows[] = {
      {csr_json("a", "x/foo"), true},
      {csr_json("a", "x/bar"), true},
      {csr_json("a", "x/fo"), false},
      {csr_json("a", "x/foo2"), false},
      {csr_json("a", "kubernetes.io/kubelet-serving"), false},
      {R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}})", true},
      {R"({"type":"ERROR","object":{"code":410}})", true},
      {R"({"labels":{"signerName":"other"},"spec":{"signerName":"x/foo"}})", true},
      {R"({"labels":{"signerName":"x/foo"},"spec":{"signerName":"other"}})", true},
      {R"({"annotations":{"a":"\"signerName\":\"other\""},"spec":{"signerName":"x/foo"}})", true},
      {R"({"spec": {"signerName": "other"}})", true},
      {R"({"spec":{"signerName":"oth)", true},
      {R"({"spec":{"signerName":")", true},
      {"", true},
  };
  for (const auto& row : rows) {
    INFO(row.line);
    CHECK(may_concern_signers(row.line, signers) == row.expected);
  }
}

TEST_CASE("An object that cannot be read is left out with the reason, and the others come") {
  ScriptedApi api;
  api.lists["s"] = {{{R"({"metadata":{"name":"bad"},"spec":{"signerName":"s","usages":7}})", csr_json("good", "s"),
                      R"({"spec":{"signerName":"s"},"metadata":7})"},
                     "1"}};
  Told told;
  CsrWatcher watcher(api, options({"s"}), told.callbacks());
  api.await_silent(1);
  CHECK(told.all() == Names{"CertificateSigningRequest bad is left out: spec.usages: must be a list", "0 good 7",
                            "CertificateSigningRequest  is left out: metadata: must be an object", "synced"});
}

TEST_CASE("Nothing to watch is synced from the beginning") {
  ScriptedApi api;
  Told told;
  CsrWatcher watcher(api, options({}), told.callbacks());
  CHECK(watcher.synced());
  CHECK(told.all() == Names{"synced"});
  watcher.stop();
  watcher.stop();
  CHECK(api.calls().empty());
}

TEST_CASE("The last activity is that of the stream that has been silent longest") {
  ScriptedApi api;
  Told told;
  const auto before = CsrWatcher::Clock::now();
  CsrWatcher watcher(api, options({"a", "b"}), told.callbacks());
  CHECK(watcher.last_activity() >= before);
  api.await_silent(2);
  const auto listed = watcher.last_activity();
  CHECK(listed <= CsrWatcher::Clock::now());
  CHECK(watcher.last_activity() == listed);
}

}  // namespace
}  // namespace signet
