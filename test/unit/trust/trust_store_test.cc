#include "signer/trust/trust_store.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "test/unit/trust/certificate_maker.h"

namespace signet {
namespace {

using test::ca_spec;
using test::Issued;
using test::make_certificate;

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "signet-trust-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST_CASE("each signer's chain is read from the folder of its name") {
  const Issued foo = make_certificate(ca_spec("foo"), nullptr);
  const Issued bar_root = make_certificate(ca_spec("bar root"), nullptr);
  const Issued bar = make_certificate(ca_spec("bar"), &bar_root);
  const Folder folder;
  folder.write("foo/tls.crt", foo.pem());
  folder.write("bar/tls.crt", bar.pem());
  folder.write("bar/ca.crt", bar_root.pem());
  folder.write("unused/tls.crt", "nobody asks for it");

  const auto store = TrustStore::load_from_directory(folder.path(), {"foo", "bar"});
  REQUIRE(store);
  REQUIRE(store->find("foo") != nullptr);
  CHECK(store->find("foo")->root_pem() == foo.pem());
  REQUIRE(store->find("bar") != nullptr);
  CHECK(store->find("bar")->root_pem() == bar_root.pem());
  CHECK(store->find("unused") == nullptr);
  CHECK(store->chains().size() == 2);
  CHECK(store->isolation_problems().empty());
}

TEST_CASE("every problem of every signer is told, with its file") {
  const Folder folder;
  const Issued foo = make_certificate(ca_spec("foo"), nullptr);
  folder.write("good/tls.crt", foo.pem());
  folder.write("empty/tls.crt", "");
  folder.write("huge/tls.crt", std::string(200'000, 'a'));
  std::filesystem::create_directories(folder.path() / "folder" / "tls.crt");
  folder.write("root-is-a-folder/tls.crt", foo.pem());
  std::filesystem::create_directories(folder.path() / "root-is-a-folder" / "ca.crt");
  folder.write("empty-root/tls.crt", make_certificate(ca_spec("x"), &foo).pem());
  folder.write("empty-root/ca.crt", "");

  const auto store = TrustStore::load_from_directory(
      folder.path(), {"missing", "good", "empty", "huge", "folder", "root-is-a-folder", "empty-root"});
  REQUIRE_FALSE(store);
  const std::string at = folder.path().string() + "/";
  CHECK(store.error() ==
        std::vector<std::string>{
            "signer \"missing\": " + at + "missing/tls.crt: No such file or directory",
            "signer \"empty\": " + at + "empty: tls.crt: PEM: empty",
            "signer \"huge\": " + at + "huge/tls.crt: larger than 131072 bytes",
            "signer \"folder\": " + at + "folder/tls.crt: is a directory, not a file",
            "signer \"root-is-a-folder\": " + at + "root-is-a-folder/ca.crt: is a directory, not a file",
            "signer \"empty-root\": " + at +
                "empty-root: tls.crt: CN=x is signed by no root in tls.crt, and there is no ca.crt",
        });
}

IssuerChain chain_of(const std::string& tls_crt, const std::string& ca_crt) {
  auto chain = IssuerChain::parse(tls_crt, ca_crt);
  REQUIRE(chain);
  return std::move(*chain);
}

TEST_CASE("signers whose certificates would pass for each other's are told") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued one = make_certificate(ca_spec("one"), &root);
  const Issued two = make_certificate(ca_spec("two"), &root);
  const Issued other_root = make_certificate(ca_spec("other root"), nullptr);
  // The key of `one` below another root, and the key of `root` in another certificate.
  const Issued one_again = make_certificate(ca_spec("one again"), other_root, *one.key);
  const Issued renewed_root = make_certificate(ca_spec("root"), root, *root.key);
  const Issued below_renewed = make_certificate(ca_spec("three"), &root);
  const Issued alone = make_certificate(ca_spec("alone"), nullptr);

  TrustStore::Chains chains;
  chains.emplace("alone", std::make_shared<const IssuerChain>(chain_of(alone.pem(), "")));
  chains.emplace("one", std::make_shared<const IssuerChain>(chain_of(one.pem(), root.pem())));
  chains.emplace("one-again", std::make_shared<const IssuerChain>(chain_of(one_again.pem(), other_root.pem())));
  chains.emplace("renewed", std::make_shared<const IssuerChain>(chain_of(below_renewed.pem(), renewed_root.pem())));
  chains.emplace("two", std::make_shared<const IssuerChain>(chain_of(two.pem(), root.pem())));
  const std::string why = ": a certificate of one would be trusted as the other's";
  CHECK(TrustStore(std::move(chains)).isolation_problems() ==
        std::vector<std::string>{
            "signers \"one\" and \"one-again\" have the same issuer key" + why,
            "signers \"one\" and \"renewed\" have the same root key" + why,
            "signers \"one\" and \"two\" have the same root key" + why,
        });
}

TEST_CASE("signers whose chains share a key anywhere on the way are told, whatever their roots are") {
  const Issued root = make_certificate(ca_spec("root"), nullptr);
  const Issued other_root = make_certificate(ca_spec("other root"), nullptr);
  // One intermediate, certified by both roots: what is below it verifies up to either.
  const Issued middle = make_certificate(ca_spec("middle"), &root);
  const Issued middle_again = make_certificate(ca_spec("middle"), other_root, *middle.key);
  const Issued one = make_certificate(ca_spec("one"), &middle);
  const Issued two = make_certificate(ca_spec("two"), &middle);
  // And it is a root elsewhere.
  const Issued middle_as_root = make_certificate(ca_spec("middle"), middle, *middle.key);
  const Issued three = make_certificate(ca_spec("three"), &middle);

  TrustStore::Chains chains;
  chains.emplace("one", std::make_shared<const IssuerChain>(chain_of(one.pem() + middle.pem(), root.pem())));
  chains.emplace("three", std::make_shared<const IssuerChain>(chain_of(three.pem(), middle_as_root.pem())));
  chains.emplace("two",
                 std::make_shared<const IssuerChain>(chain_of(two.pem() + middle_again.pem(), other_root.pem())));
  const std::string why = ": a certificate of one would be trusted as the other's";
  CHECK(TrustStore(std::move(chains)).isolation_problems() ==
        std::vector<std::string>{
            "signers \"one\" and \"three\" have the same CA key" + why,
            "signers \"one\" and \"two\" have the same CA key" + why,
        });
}

}  // namespace
}  // namespace signet
