#include "signer/issue/ca_states.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

const std::map<std::string, std::string> kSigners = {{"bar", "bar-ca"}, {"foo", "foo-ca"}};

/// The CAs of a folder, read again and again.
struct Stage {
  explicit Stage(bool with_keys = true) : folder({"bar", "foo", "new"}) {
    source = {.with_keys = with_keys, .directory = folder.path(), .name_space = {}};
    read();
  }
  void read() {
    auto next = settle_cas(source, read_cas(source, nullptr, kSigners), states, kNow);
    REQUIRE(next);
    states = *std::move(next);
  }
  /// Gives the signer the files of another.
  void copy(const std::string& from, const std::string& to) const {
    for (const char* const file : {"tls.crt", "tls.key"}) folder.write(to, file, folder.read(from, file));
  }
  [[nodiscard]] const CaState& foo() const { return states.find("foo")->second; }

  CaFolder folder;
  CaSource source;
  CaStates states;
};

}  // namespace

TEST_CASE("another key in a folder is staged, and its record puts it into force") {
  Stage stage;
  const auto first = stage.foo().in_force.authority;
  stage.read();
  CHECK(stage.foo().in_force.authority == first);
  const std::string new_root = stage.folder.read("new", "tls.crt");
  stage.copy("new", "foo");
  stage.read();
  CHECK(stage.foo().in_force.authority == first);
  REQUIRE(stage.foo().staged != nullptr);
  CHECK(stage.foo().staged->root_pem() == new_root);
  CHECK_FALSE(stage.foo().is_kept);
  stage.copy("new", "foo/in-use");
  stage.read();
  CHECK(stage.foo().in_force.chain->root_pem() == new_root);
  CHECK(stage.foo().staged == nullptr);
  CHECK(stage.foo().is_kept);
}

TEST_CASE("a restart comes back to the key of the record, and without one takes the source's") {
  for (const bool is_kept : {true, false}) {
    INFO(is_kept);
    Stage stage;
    const std::string first_root = stage.folder.read("foo", "tls.crt");
    if (is_kept) stage.copy("foo", "foo/in-use");
    stage.copy("new", "foo");
    stage.states.clear();
    stage.read();
    CHECK((stage.foo().in_force.chain->root_pem() == first_root) == is_kept);
    CHECK((stage.foo().staged != nullptr) == is_kept);
  }
}

TEST_CASE("a record that leads nowhere or holds half a CA is no reason to take the source's") {
  struct Row {
    const char* name;
    void (*spoil)(const CaFolder&);
  };
  const Row rows[] = {
      {"a link that leads nowhere",
       [](const CaFolder& folder) {
         std::filesystem::create_symlink("nowhere", std::filesystem::path(folder.path()) / "foo" / "in-use");
       }},
      {"no key", [](const CaFolder& folder) { folder.write("foo/in-use", "tls.crt", folder.read("foo", "tls.crt")); }},
      {"another's key",
       [](const CaFolder& folder) {
         folder.write("foo/in-use", "tls.crt", folder.read("foo", "tls.crt"));
         folder.write("foo/in-use", "tls.key", folder.read("new", "tls.key"));
       }},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Stage stage;
    row.spoil(stage.folder);
    CHECK_FALSE(settle_cas(stage.source, read_cas(stage.source, nullptr, kSigners), {}, kNow));
    const auto first = stage.foo().in_force.authority;
    stage.read();
    CHECK(stage.foo().in_force.authority == first);
    CHECK_FALSE(stage.foo().problems.empty());
  }
}

TEST_CASE("a pair that is none, or a record with another signer's key, leaves the CA of before and that of others") {
  Stage stage;
  const auto foo = stage.foo().in_force.authority;
  const auto bar = stage.states.find("bar")->second.in_force.authority;
  stage.folder.write("foo", "tls.key", stage.folder.read("new", "tls.key"));
  stage.read();
  CHECK(stage.foo().in_force.authority == foo);
  CHECK(stage.foo().problems ==
        std::vector<std::string>{"signer \"foo\": the private key is not that of the CA's certificate"});
  stage.copy("bar", "foo/in-use");
  stage.read();
  CHECK(stage.foo().in_force.authority == foo);
  CHECK(stage.states.find("bar")->second.in_force.authority == bar);
  CHECK(stage.foo().problems.back().starts_with("signers \"bar\" and \"foo\" have the same issuer key"));
  stage.states.clear();
  const auto at_start = settle_cas(stage.source, read_cas(stage.source, nullptr, kSigners), {}, kNow);
  REQUIRE_FALSE(at_start);
  CHECK(at_start.error().problems ==
        std::vector<std::string>{"signers \"bar\" and \"foo\" have the same issuer key: a certificate of one would be "
                                 "trusted as the other's"});
}

TEST_CASE("who reads no keys follows the source, whatever its key, and a record where there is one") {
  Stage stage(false);
  const std::string first_root = stage.folder.read("foo", "tls.crt");
  stage.copy("new", "foo");
  stage.read();
  CHECK(stage.foo().in_force.chain->root_pem() == stage.folder.read("new", "tls.crt"));
  CHECK(stage.foo().in_force.authority == nullptr);
  stage.folder.write("foo/in-use", "tls.crt", first_root);
  stage.read();
  CHECK(stage.foo().in_force.chain->root_pem() == first_root);
  stage.folder.remove("foo", "tls.crt");
  stage.folder.remove("foo/in-use", "tls.crt");
  stage.read();
  CHECK(stage.foo().in_force.chain->root_pem() == first_root);
}

TEST_CASE("a record in a Secret is used, its absence is none, and that it may not be read is a reason to stop") {
  const CaFolder folder({"bar", "foo", "new"});
  const CaSource source{.with_keys = true, .directory = {}, .name_space = "ca"};
  const auto secret_of = [&](const std::string& signer) {
    return TlsSecret{folder.read(signer, "tls.crt"), folder.read(signer, "tls.key"), ""};
  };
  FakeKubeApi api;
  api.secrets = {{"ca/bar-ca", secret_of("bar")}, {"ca/foo-ca", secret_of("new")}};
  const auto settled = [&] { return settle_cas(source, read_cas(source, &api, kSigners), {}, kNow); };
  REQUIRE(settled());
  CHECK_FALSE(settled()->at("foo").is_kept);

  api.secrets.emplace("ca/foo-ca-in-use", secret_of("foo"));
  REQUIRE(settled());
  CHECK(settled()->at("foo").in_force.chain->root_pem() == folder.read("foo", "tls.crt"));
  CHECK(settled()->at("foo").staged->root_pem() == folder.read("new", "tls.crt"));

  api.secrets.at("ca/foo-ca-in-use") = tl::unexpected(kube_error(KubeError::Kind::kForbidden, "no access"));
  REQUIRE_FALSE(settled());
  CHECK(settled().error().problems == std::vector<std::string>{"signer \"foo\": Secret ca/foo-ca-in-use: no access"});
}

TEST_CASE("of many CAs, which are read at once, each is its signer's, and what is wrong with one is told of it alone") {
  std::vector<std::string> signers;
  std::map<std::string, std::string> secret_names;
  for (int i = 0; i < 40; ++i) signers.push_back("tenant-" + std::to_string(i));
  for (const std::string& signer : signers) secret_names.emplace(signer, signer + "-ca");
  const CaFolder folder(signers);
  folder.write("tenant-7", "tls.key", "no key");
  const CaSource source{.with_keys = true, .directory = folder.path(), .name_space = {}};
  const auto whole = settle_cas(source, read_cas(source, nullptr, secret_names), {}, kNow);
  REQUIRE_FALSE(whole);
  CHECK(whole.error().problems.size() == 1);
  CHECK(whole.error().problems.front().find("tenant-7") != std::string::npos);

  secret_names.erase("tenant-7");
  const auto states = settle_cas(source, read_cas(source, nullptr, secret_names), {}, kNow);
  REQUIRE(states);
  CHECK(states->size() == signers.size() - 1);
  for (const auto& [signer, state] : *states) {
    CHECK(state.in_force.chain->root_pem() == folder.read(signer, "tls.crt"));
  }
}
