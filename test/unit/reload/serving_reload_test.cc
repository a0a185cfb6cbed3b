#include "tools/signet/serving/serving_reload.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <optional>
#include <thread>

#include "test/unit/issue/issue_fixture.h"
#include "test/unit/reload/policy_folder.h"
#include "test/unit/trust/certificate_maker.h"

using namespace signet;
using namespace signet::test;

namespace {

using namespace std::chrono_literals;

/// Valid now, by the clock that ServingReload looks at.
TlsIdentity make_identity(std::chrono::seconds lifetime = 1h) {
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  CertificateSpec spec{.common_name = "signet", .extensions = {}};
  spec.not_before = now - 1h;
  spec.not_after = now + lifetime;
  const Issued made = make_certificate(spec, nullptr);
  return {.certificate_pem = made.pem(), .key_pem = private_pem(*made.key)};
}

std::string authority(const std::string& name) { return make_certificate(ca_spec(name), nullptr).pem(); }

/// Waits for what the thread is about to do; half a minute says that it never will.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// Watches the files of a folder, and counts what it shows.
class Stage {
 public:
  Stage() {
    TlsIdentity first = make_identity();
    write(first);
    first.client_ca_pem = authority("clients");
    folder.replace("ca.crt", first.client_ca_pem);
    reload.emplace(look_at(ServingFiles{.certificate = folder.at("tls.crt").string(),
                                        .key = folder.at("tls.key").string(),
                                        .client_ca = folder.at("ca.crt").string()}),
                   first, *serving_period(first), [this](const TlsIdentity&) -> tl::expected<void, std::string> {
                     ++shown;
                     return {};
                   });
  }
  void write(const TlsIdentity& identity) const {
    folder.replace("tls.crt", identity.certificate_pem);
    folder.replace("tls.key", identity.key_pem);
  }

  PolicyFolder folder;
  std::atomic<int> shown = 0;
  std::optional<ServingReload> reload;
};

}  // namespace

TEST_CASE("a changed pair of files is shown and the state tells when it is valid") {
  Stage stage;
  const auto before = stage.reload->state().period;
  stage.reload->start();
  const TlsIdentity next = make_identity(2h);
  stage.write(next);
  REQUIRE(eventually([&] { return stage.shown == 1; }));
  REQUIRE(eventually([&] { return stage.reload->state().period.not_after != before.not_after; }));
  CHECK(stage.reload->state().period.not_after == serving_period(next)->not_after);
  CHECK(eventually([&] { return stage.reload->state().last_taken; }));
}

TEST_CASE("half of a pair is not shown, and the whole is when its other half is there") {
  Stage stage;
  stage.reload->start();
  const TlsIdentity next = make_identity();
  stage.folder.replace("tls.crt", next.certificate_pem);
  REQUIRE(eventually([&] { return !stage.reload->state().last_taken; }));
  CHECK(stage.shown == 0);
  stage.folder.replace("tls.key", next.key_pem);
  REQUIRE(eventually([&] { return stage.reload->state().last_taken; }));
  CHECK(stage.shown == 1);
}

TEST_CASE("client CAs are watched too") {
  Stage stage;
  stage.reload->start();
  stage.folder.replace("ca.crt", "");
  REQUIRE(eventually([&] { return !stage.reload->state().last_taken; }));
  CHECK(stage.shown == 0);
  stage.folder.replace("ca.crt", authority("others"));
  REQUIRE(eventually([&] { return stage.reload->state().last_taken; }));
  CHECK(stage.shown == 1);
}

TEST_CASE("files that are gone leave what is shown, and what comes back is no news") {
  Stage stage;
  stage.reload->start();
  std::filesystem::rename(stage.folder.at("tls.key"), stage.folder.at("away"));
  REQUIRE(eventually([&] { return !stage.reload->state().last_taken; }));
  std::filesystem::rename(stage.folder.at("away"), stage.folder.at("tls.key"));
  REQUIRE(eventually([&] { return stage.reload->state().last_taken; }));
  CHECK(stage.shown == 0);
}

TEST_CASE("files are read for who asks before the watch begins") {
  Stage stage;
  stage.write(make_identity());
  stage.reload->read_now();
  stage.reload->start();
  CHECK(eventually([&] { return stage.shown == 1; }));
}
