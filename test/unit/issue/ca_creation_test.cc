#include "signer/issue/ca_creation.h"

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "signer/issue/ca_store.h"
#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;
namespace fs = std::filesystem;

namespace {

const CaProfile kProfile{.lifetime = std::chrono::hours(24)};
const std::vector<std::string> kSigners = {"bar", "foo"};
const std::map<std::string, std::string> kSecretNames = {{"bar", "bar-ca"}, {"foo", "foo-ca"}, {"zoo", "zoo-ca"}};

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

void touch(const fs::path& file) { std::ofstream(file) << "mine"; }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("new CAs are in folders where the signer finds them and nobody else looks") {
  const CaFolder scratch({});
  const fs::path directory = fs::path(scratch.path()) / "new";
  const auto created = create_cas_in_directory(directory, kSigners, kProfile, kNow);
  REQUIRE(created);
  CHECK(cas_of_directory(directory, kSigners, kNow));
  CHECK(mode_of(directory) == 0700);
  CHECK(names_in(directory) == kSigners);
  for (const std::string& signer : kSigners) {
    CHECK(mode_of(directory / signer) == 0700);
    CHECK(names_in(directory / signer) == std::vector<std::string>{"ca.crt", "tls.crt", "tls.key"});
    CHECK(mode_of(directory / signer / "tls.key") == 0600);
  }
}

TEST_CASE("where any signer's folder exists none is made and each that exists is named") {
  struct Row {
    const char* name;
    void (*prepare)(const fs::path& folder);
    const char* problem;
  };
  const Row row = GENERATE(values<Row>({
      {"an empty folder", [](const fs::path& folder) { fs::create_directory(folder); },
       " exists already, without tls.crt, tls.key, ca.crt"},
      {"a key alone",
       [](const fs::path& folder) {
         fs::create_directory(folder);
         touch(folder / "tls.key");
       },
       " exists already, with tls.key and without tls.crt, ca.crt"},
      {"a file", [](const fs::path& folder) { touch(folder); }, " exists already, without tls.crt, tls.key, ca.crt"},
      {"a link to nowhere", [](const fs::path& folder) { fs::create_symlink("nowhere", folder); },
       " exists already, without tls.crt, tls.key, ca.crt"},
  }));
  INFO(row.name);
  const CaFolder scratch({"bar"});
  const fs::path folder = fs::path(scratch.path()) / "foo";
  row.prepare(folder);
  const std::string before = scratch.read("bar", "tls.key");
  const auto created = create_cas_in_directory(scratch.path(), {"bar", "foo", "new"}, kProfile, kNow);
  REQUIRE_FALSE(created);
  CHECK(created.error().only_existing);
  CHECK(created.error().problems == std::vector<std::string>{"signer \"bar\": " + scratch.path() +
                                                                 "/bar exists already, with tls.crt, tls.key and "
                                                                 "without ca.crt",
                                                             "signer \"foo\": " + folder.string() + row.problem});
  CHECK(names_in(scratch.path()) == std::vector<std::string>{"bar", "foo"});
  CHECK(scratch.read("bar", "tls.key") == before);
}

TEST_CASE("a failure leaves nothing that was made before it") {
  const CaFolder scratch({});
  const fs::path directory = fs::path(scratch.path()) / "new";
  // No policy names a signer so: here it makes the second folder fail after the first was written.
  const auto created = create_cas_in_directory(directory, {"bar", "no/foo"}, kProfile, kNow);
  REQUIRE_FALSE(created);
  CHECK_FALSE(created.error().only_existing);
  CHECK(created.error().problems == std::vector<std::string>{"signer \"no/foo\": " + directory.string() +
                                                             "/no/foo: No such file or directory; none of the CAs "
                                                             "was kept"});
  CHECK(names_in(scratch.path()).empty());
}

TEST_CASE("a folder whose parent is not there is not made") {
  const CaFolder scratch({});
  const auto created = create_cas_in_directory(scratch.path() + "/no/new", kSigners, kProfile, kNow);
  REQUIRE_FALSE(created);
  CHECK(created.error().problems == std::vector<std::string>{scratch.path() + "/no/new: No such file or directory"});
  CHECK(names_in(scratch.path()).empty());
}

TEST_CASE("new CAs are in Secrets where the signer finds them") {
  FakeKubeApi api;
  REQUIRE(create_cas_in_secrets(api, "ns", kSecretNames, kProfile, kNow));
  CHECK(api.secrets.size() == 3);
  CHECK(cas_of_secrets(api, "ns", kSecretNames, kNow));
}

TEST_CASE("where any Secret exists none is made and each that exists is named") {
  FakeKubeApi api;
  api.secrets.emplace("ns/foo-ca", TlsSecret{"mine", "mine", ""});
  api.secrets.emplace("ns/zoo-ca", TlsSecret{"", "", ""});
  const auto created = create_cas_in_secrets(api, "ns", kSecretNames, kProfile, kNow);
  REQUIRE_FALSE(created);
  CHECK(created.error().only_existing);
  CHECK(created.error().problems == std::vector<std::string>{"signer \"foo\": Secret ns/foo-ca: it already exists",
                                                             "signer \"zoo\": Secret ns/zoo-ca: it already exists"});
  CHECK(api.secrets.size() == 2);
  CHECK(api.secrets.at("ns/foo-ca")->tls_key == "mine");
}

TEST_CASE("a refusal that is foreseen leaves no Secret behind") {
  FakeKubeApi api;
  api.secrets.emplace("ns/foo-ca", TlsSecret{"mine", "mine", ""});
  api.refuse_secret = [](const std::string& name, DryRun) -> std::optional<KubeError> {
    if (name != "zoo-ca") return std::nullopt;
    return kube_error(KubeError::Kind::kForbidden, "a quota");
  };
  const auto created = create_cas_in_secrets(api, "ns", kSecretNames, kProfile, kNow);
  REQUIRE_FALSE(created);
  CHECK_FALSE(created.error().only_existing);
  CHECK(created.error().problems == std::vector<std::string>{"signer \"foo\": Secret ns/foo-ca: it already exists",
                                                             "signer \"zoo\": Secret ns/zoo-ca: a quota"});
  CHECK(api.secrets.size() == 1);
}

TEST_CASE("a refusal that is not foreseen is told together with what was created before it") {
  FakeKubeApi api;
  api.refuse_secret = [](const std::string& name, DryRun dry_run) -> std::optional<KubeError> {
    if (name != "foo-ca" || dry_run == DryRun::kYes) return std::nullopt;
    return kube_error(KubeError::Kind::kConflict, "somebody was faster");
  };
  const auto created = create_cas_in_secrets(api, "ns", kSecretNames, kProfile, kNow);
  REQUIRE_FALSE(created);
  CHECK_FALSE(created.error().only_existing);
  CHECK(created.error().problems == std::vector<std::string>{"signer \"foo\": Secret ns/foo-ca: somebody was faster",
                                                             "signer \"bar\": Secret ns/bar-ca: was created, and stays",
                                                             "signer \"zoo\": Secret ns/zoo-ca: was not created"});
  CHECK(api.secrets.size() == 1);
}

TEST_CASE("two signers cannot share a Secret") {
  FakeKubeApi api;
  const auto created = create_cas_in_secrets(api, "ns", {{"bar", "ca"}, {"foo", "ca"}}, kProfile, kNow);
  REQUIRE_FALSE(created);
  CHECK(created.error().problems == std::vector<std::string>{"signers \"bar\" and \"foo\" have the same Secret ca"});
  CHECK(api.secrets.empty());
}
