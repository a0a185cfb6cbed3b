#include "signer/issue/ca_record.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "signer/issue/ca_source.h"
#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace fs = std::filesystem;

namespace {

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("a record in a folder is read as the CA in use, and the next one takes its place") {
  const CaFolder cas({"foo", "new"});
  const fs::path folder = fs::path(cas.path()) / "foo";
  const CaSource source{.with_keys = true, .directory = cas.path(), .name_space = {}};
  for (const char* const signer : {"foo", "new", "foo"}) {
    INFO(signer);
    const auto ca = read_ca_files((fs::path(cas.path()) / signer).string());
    REQUIRE(ca);
    REQUIRE(keep_in_folder(folder.string(), *ca));
    const CaFindings found = read_ca(source, nullptr, "foo", "");
    REQUIRE(found.in_use);
    REQUIRE(*found.in_use);
    CHECK((*found.in_use)->chain->root_pem() == cas.read(signer, "tls.crt"));
    CHECK((fs::status(folder / "in-use").permissions() & fs::perms::mask) == fs::perms::owner_all);
    CHECK((fs::status(folder / "in-use" / "tls.key").permissions() & fs::perms::mask) ==
          (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(entries_in(folder) == 4);  // two files, the link, and one folder that it leads to
  }
}

TEST_CASE("a record replaces nothing that somebody else made, and leaves nothing behind when it fails") {
  const CaFolder cas({"foo"});
  const fs::path folder = fs::path(cas.path()) / "foo";
  const auto ca = read_ca_files(folder.string());
  REQUIRE(ca);
  cas.write("foo/in-use", "mine", "mine");
  const auto kept = keep_in_folder(folder.string(), *ca);
  REQUIRE_FALSE(kept);
  CHECK(kept.error().starts_with((folder / "in-use").string() + ": "));
  CHECK(cas.read("foo/in-use", "mine") == "mine");
  CHECK(entries_in(folder) == 3);
  CHECK_FALSE(keep_in_folder((folder / "none").string(), *ca));
}

TEST_CASE("files that are not there are named, but for the roots") {
  const CaFolder cas({"foo"});
  const std::string folder = cas.path() + "/foo";
  CHECK(read_ca_files(folder)->ca_crt.empty());
  cas.write("foo", "ca.crt", "roots");
  CHECK(read_ca_files(folder)->ca_crt == "roots");
  cas.remove("foo", "tls.key");
  CHECK(read_ca_files(folder).error() == folder + "/tls.key: No such file or directory");
}

TEST_CASE("a record in a Secret is created once and replaced as it was read") {
  const CaFolder cas({"foo", "new"});
  FakeKubeApi api;
  const auto first = read_ca_files(cas.path() + "/foo");
  const auto next = read_ca_files(cas.path() + "/new");
  REQUIRE(keep_in_secret(api, "ca", "foo-ca", *first, nullptr));
  CHECK(keep_in_secret(api, "ca", "foo-ca", *next, nullptr).error().kind == KubeError::Kind::kConflict);
  const TlsSecret record = *api.get_tls_secret("ca", "foo-ca-in-use");
  REQUIRE(keep_in_secret(api, "ca", "foo-ca", *next, &record));
  CHECK(api.get_tls_secret("ca", "foo-ca-in-use")->tls_crt == next->tls_crt);
  CHECK(keep_in_secret(api, "ca", "foo-ca", *first, &record).error().kind == KubeError::Kind::kConflict);
  CHECK(api.get_tls_secret("ca", "foo-ca-in-use")->tls_crt == next->tls_crt);
}
