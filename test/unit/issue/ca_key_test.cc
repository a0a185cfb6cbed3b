#include "signer/issue/ca_key.h"

#include <openssl/pem.h>

#include <catch2/catch.hpp>

#include "test/unit/issue/issue_fixture.h"

using namespace signet;
using namespace signet::test;

namespace {

std::string traditional_pem(EVP_PKEY& key, const EVP_CIPHER* cipher = nullptr) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  auto* const password = reinterpret_cast<unsigned char*>(const_cast<char*>("password"));
  REQUIRE(PEM_write_bio_PrivateKey_traditional(out.get(), &key, cipher, cipher == nullptr ? nullptr : password,
                                               cipher == nullptr ? 0 : 8, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string encrypted_pem(EVP_PKEY& key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  std::string password = "password";
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(out.get(), &key, EVP_aes_128_cbc(), password.data(), 8, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("keys of the allowed kinds are read in every usual form and know their certificate") {
  const std::string kind = GENERATE("P-256", "P-384", "RSA-2048", "RSA-3072");
  const Issued root = make_certificate(ca_spec("root"), nullptr, kind);
  const Issued other = make_certificate(ca_spec("root"), nullptr, "P-256");
  for (const std::string& pem : {private_pem(*root.key), traditional_pem(*root.key)}) {
    const auto key = CaKey::parse(pem);
    REQUIRE(key);
    CHECK(key->belongs_to(*root.x509));
    CHECK_FALSE(key->belongs_to(*other.x509));
  }
}

TEST_CASE("what is no private key that may sign is refused without a word of what it holds") {
  const EvpPkeyPtr key = make_key("P-256");
  struct Row {
    std::string pem;
    const char* error;
  };
  const std::vector<Row> rows = {
      {"", "not a private key in PEM"},
      {"secret words", "not a private key in PEM"},
      {"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "not a private key in PEM"},
      {private_pem(*key).substr(0, 100), "not a private key in PEM"},
      {make_certificate(ca_spec("root"), nullptr).pem(), "not a private key in PEM"},
      {encrypted_pem(*key), "the private key is encrypted; give it without a passphrase"},
      {traditional_pem(*key, EVP_aes_128_cbc()), "the private key is encrypted; give it without a passphrase"},
      {private_pem(*make_key("RSA-1024")), "an RSA key of 1024 bits; allowed are 2048 to 4096"},
      {private_pem(*make_key("P-521")), "an EC key on another curve than P-256 and P-384"},
      {private_pem(*make_key("ED25519")), "neither an RSA nor an EC key"},
      {std::string(100'000, 'x'), "larger than any private key: more than 16384 bytes"}};
  for (const Row& row : rows) {
    INFO(row.error);
    const auto parsed = CaKey::parse(row.pem);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error() == row.error);
  }
}

TEST_CASE("a key is read from a file and an error names it") {
  const CaFolder folder({"foo"});
  const std::string place = folder.path() + "/foo/";
  CHECK(CaKey::load(place + "tls.key"));
  CHECK(CaKey::load(place + "none").error() == place + "none: No such file or directory");
  CHECK(CaKey::load(place + "tls.crt").error() == place + "tls.crt: not a private key in PEM");
  CHECK(CaKey::load(folder.path()).error() == folder.path() + ": is a directory, not a file");
  folder.write("foo", "large", std::string(1'000'000, 'x'));
  CHECK(CaKey::load(place + "large").error() == place + "large: larger than 16384 bytes");
}
