#include "tools/signet/reload/policy_reload.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <future>
#include <iterator>
#include <thread>

#include "signer/csr/sha256.h"
#include "test/unit/reload/policy_folder.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr std::chrono::system_clock::time_point kStart{std::chrono::seconds(1'800'000'000)};

std::string policy_text(const std::string& end = "") {
  std::ifstream file(SIGNET_TESTDATA "/policy.yaml");
  return std::string(std::istreambuf_iterator<char>(file), {}) + end;
}

/// Waits for what the thread is about to do; half a minute says that it never will.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// Watches the file of a folder, and brings everything into force that it does not refuse.
class Stage {
 public:
  Stage() {
    folder.write("policy.yaml", policy_text());
    reload.emplace(folder.policy(), sha256_hex(policy_text()), kStart, [] { return 0.5; });
  }
  void start() {
    reload->start([this](const auto&, const std::stop_token&) -> tl::expected<void, PolicyRefusal> {
      ++attempts;
      if (refuses) return tl::unexpected(PolicyRefusal{.problems = {"no CA"}, .may_pass = true});
      return {};
    });
  }

  PolicyFolder folder;
  std::atomic<bool> refuses = false;
  std::atomic<int> attempts = 0;
  std::optional<PolicyReload> reload;
};

}  // namespace

TEST_CASE("a changed file comes into force and the state tells it") {
  Stage stage;
  CHECK(stage.reload->state().digest == sha256_hex(policy_text()));
  CHECK(stage.reload->state().loaded == kStart);
  stage.start();
  stage.folder.replace("policy.yaml", policy_text("# 2\n"));
  REQUIRE(eventually([&] { return stage.reload->state().taken == 1; }));
  const auto state = stage.reload->state();
  CHECK(state.digest == sha256_hex(policy_text("# 2\n")));
  CHECK(state.loaded != kStart);
  CHECK(state.last_taken);
  CHECK(state.not_taken == 0);
}

TEST_CASE("a broken file is counted once, and mended when the old one is back") {
  Stage stage;
  stage.start();
  stage.folder.write("policy.yaml", "broken");
  REQUIRE(eventually([&] { return !stage.reload->state().last_taken; }));
  stage.folder.write("policy.yaml", policy_text());
  REQUIRE(eventually([&] { return stage.reload->state().last_taken; }));
  CHECK(stage.reload->state().not_taken == 1);
  CHECK(stage.reload->state().taken == 0);
  CHECK(stage.reload->state().digest == sha256_hex(policy_text()));
  CHECK(stage.attempts == 0);
}

TEST_CASE("a policy that lacks something is tried again until it does not, and counted once") {
  Stage stage;
  stage.refuses = true;
  stage.start();
  stage.folder.write("policy.yaml", policy_text("# 2\n"));
  REQUIRE(eventually([&] { return stage.attempts >= 2; }));
  CHECK(stage.reload->state().not_taken == 1);
  stage.refuses = false;
  REQUIRE(eventually([&] { return stage.reload->state().taken == 1; }));
  CHECK(stage.reload->state().not_taken == 1);
  CHECK(stage.reload->state().last_taken);
}

TEST_CASE("who asks before the start is answered after it") {
  Stage stage;
  stage.folder.write("policy.yaml", policy_text("# 2\n"));
  stage.reload->read_now();
  stage.start();
  CHECK(eventually([&] { return stage.reload->state().taken == 1; }));
}

TEST_CASE("the end waits for the attempt under way, tells it to stop, and does not count what it gave up") {
  Stage stage;
  std::promise<void> begun;
  stage.reload->start([&](const auto&, const std::stop_token& stop) -> tl::expected<void, PolicyRefusal> {
    begun.set_value();
    while (!stop.stop_requested()) std::this_thread::yield();
    return tl::unexpected(PolicyRefusal{.problems = {"stopping"}, .may_pass = true});
  });
  stage.folder.write("policy.yaml", policy_text("# 2\n"));
  begun.get_future().wait();
  stage.reload->request_stop();
  stage.reload.reset();
}
