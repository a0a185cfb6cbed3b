#include "tools/signet/reload/ca_watch.h"

#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

using Names = std::vector<std::string>;
const std::map<std::string, std::string> kSigners = {{"bar", "bar-ca"}, {"foo", "foo-ca"}};

CaStates read(const CaSource& source, KubeApi& api) {
  auto states = settle_cas(source, read_cas(source, &api, kSigners), {}, kNow);
  REQUIRE(states);
  return *std::move(states);
}

}  // namespace

TEST_CASE("whatever of a CA's files becomes another is seen once, when it was left alone between two looks") {
  struct Row {
    const char* name;
    std::function<void(const CaFolder&)> change;
    Names seen;
  };
  const Row rows[] = {
      {"nothing", [](const CaFolder&) {}, {}},
      {"the certificate", [](const CaFolder& folder) { folder.write("foo", "tls.crt", "x"); }, {"foo"}},
      {"the key", [](const CaFolder& folder) { folder.write("bar", "tls.key", "x"); }, {"bar"}},
      {"the roots", [](const CaFolder& folder) { folder.write("foo", "ca.crt", "x"); }, {"foo"}},
      {"a record", [](const CaFolder& folder) { folder.write("foo/in-use", "tls.crt", "x"); }, {"foo"}},
      {"a certificate that is gone", [](const CaFolder& folder) { folder.remove("foo", "tls.crt"); }, {"foo"}},
      {"both",
       [](const CaFolder& folder) {
         folder.write("foo", "tls.crt", "x");
         folder.write("bar", "tls.crt", "x");
       },
       {"bar", "foo"}},
      {"another signer's", [](const CaFolder& folder) { folder.write("baz", "tls.crt", "x"); }, {}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const CaFolder folder({"bar", "foo"});
    FakeKubeApi api;
    const CaSource source{.with_keys = true, .directory = folder.path(), .name_space = {}};
    const CaStates states = read(source, api);
    CaWatch watch(source, api);
    CHECK(watch.look(states, {}).empty());
    CHECK(watch.look(states, {}) == Names{"bar", "foo"});  // before the first look anything may have changed
    CHECK(watch.look(states, {}).empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // longer than a tick of the kernel's clock
    row.change(folder);
    CHECK(watch.look(states, {}).empty());
    CHECK(watch.look(states, {}) == row.seen);
    CHECK(watch.look(states, {}).empty());
  }
}

TEST_CASE("a Secret of another version, one that appears and one that goes are seen at the first look") {
  const CaFolder folder({"bar", "foo"});
  FakeKubeApi api;
  for (const char* const signer : {"bar", "foo"}) {
    REQUIRE(api.create_tls_secret("ca", std::string(signer) + "-ca",
                                  {folder.read(signer, "tls.crt"), folder.read(signer, "tls.key"), ""}, DryRun::kNo));
  }
  const CaSource source{.with_keys = true, .directory = {}, .name_space = "ca"};
  const CaStates states = read(source, api);
  CaWatch watch(source, api);
  CHECK(watch.look(states, {}) == Names{"bar", "foo"});
  CHECK(watch.look(states, {}).empty());
  const TlsSecret secret = *api.get_tls_secret("ca", "foo-ca");
  REQUIRE(api.replace_tls_secret("ca", "foo-ca", secret));
  CHECK(watch.look(states, {}) == Names{"foo"});
  REQUIRE(api.create_tls_secret("ca", "foo-ca-in-use", secret, DryRun::kNo));
  CHECK(watch.look(states, {}) == Names{"foo"});
  api.secrets.erase("ca/foo-ca-in-use");
  CHECK(watch.look(states, {}) == Names{"foo"});
  CHECK(watch.look(states, {}).empty());
  const auto bar = api.secrets.at("ca/bar-ca");
  api.secrets.at("ca/bar-ca") = tl::unexpected(kube_error(KubeError::Kind::kTransport, "no answer"));
  CHECK(watch.look(states, {}).empty());
  api.secrets.at("ca/bar-ca") = bar;
  CHECK(watch.look(states, {}).empty());
}
