#include "signer/issue/ca_store.h"

#include <catch2/catch.hpp>

#include "test/unit/issue/fake_kube_api.h"
#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

const std::vector<std::string> kSigners = {"bar", "foo"};

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) text += problem + "\n";
  return text;
}

}  // namespace

TEST_CASE("each signer's CA is read from its folder") {
  const CaFolder folder(kSigners);
  const auto store = cas_of_directory(folder.path(), kSigners, kNow);
  REQUIRE(store);
  CHECK(store->find("foo")->signer() == "foo");
  CHECK(store->find("bar")->chain().root_pem() == folder.read("bar", "tls.crt"));
  CHECK(store->find("baz") == nullptr);
  CHECK(store->trust()->find("foo") == &store->find("foo")->chain());
}

TEST_CASE("every problem of every folder is told at once") {
  const CaFolder folder({"bar", "foo", "old", "twin"});
  folder.remove("bar", "tls.key");
  folder.write("foo", "tls.key", folder.read("old", "tls.key"));
  CertificateSpec expired = ca_spec("old root");
  expired.not_after = kNow - std::chrono::hours(1);
  const Issued root = make_certificate(expired, nullptr);
  folder.write("old", "tls.crt", root.pem());
  folder.write("old", "tls.key", private_pem(*root.key));
  folder.write("twin", "tls.crt", folder.read("bar", "tls.crt"));
  const auto store = cas_of_directory(folder.path(), {"bar", "foo", "old", "twin"}, kNow);
  REQUIRE_FALSE(store);
  CHECK_FALSE(store.error().transient);
  const std::string problems = joined(store.error().problems);
  INFO(problems);
  CHECK(store.error().problems.size() == 4);
  for (const char* const part :
       {"signer \"bar\": ", "/bar/tls.key: No such file", "signer \"foo\": the private key is not that of the CA",
        "signer \"old\": ", "signer \"twin\": the private key is not that of the CA"}) {
    INFO(part);
    CHECK(problems.find(part) != std::string::npos);
  }
}

TEST_CASE("a missing chain and a missing key are told together") {
  const CaFolder folder({"foo"});
  const auto store = cas_of_directory(folder.path(), kSigners, kNow);
  REQUIRE_FALSE(store);
  CHECK(store.error().problems.size() == 2);
}

TEST_CASE("each signer's CA is read from its Secret") {
  const CaFolder folder(kSigners);
  FakeKubeApi api;
  for (const std::string& signer : kSigners) {
    api.secrets.emplace("ca/" + signer + "-ca",
                        TlsSecret{folder.read(signer, "tls.crt"), folder.read(signer, "tls.key"), ""});
  }
  const std::map<std::string, std::string> names = {{"bar", "bar-ca"}, {"foo", "foo-ca"}};
  const auto store = cas_of_secrets(api, "ca", names, kNow);
  REQUIRE(store);
  CHECK(store->find("foo") != nullptr);

  api.secrets.at("ca/foo-ca") = tl::unexpected(kube_error(KubeError::Kind::kForbidden, "no access"));
  api.secrets.at("ca/bar-ca")->tls_key = "nonsense";
  const auto refused = cas_of_secrets(api, "ca", names, kNow);
  REQUIRE_FALSE(refused);
  CHECK_FALSE(refused.error().transient);
  CHECK(joined(refused.error().problems) ==
        "signer \"bar\": Secret ca/bar-ca: tls.key: not a private key in PEM\n"
        "signer \"foo\": Secret ca/foo-ca: no access\n");

  api.secrets.at("ca/foo-ca") = tl::unexpected(kube_error(KubeError::Kind::kTransport, "no answer"));
  CHECK(cas_of_secrets(api, "ca", names, kNow).error().transient);
}
