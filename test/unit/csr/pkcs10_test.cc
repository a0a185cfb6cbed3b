#include "signer/csr/pkcs10.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "signer/csr/signing_request_of.h"
#include "signer/kube/base64.h"
#include "signer/kube/json.h"
#include "test/unit/csr/facts_text.h"
#include "test/unit/csr/request_builder.h"

namespace signet {
namespace {

using namespace std::string_literals;
using test::der;
using test::extension;
using test::extension_request;
using test::oid;
using test::pem;
using test::RequestBuilder;
using test::to_text;
using test::uri_name;

std::string file(const std::string& name) {
  std::ifstream in(SIGNET_TESTDATA "/" + name, std::ios::binary);
  INFO(name);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What every workload's request here asks for.
const std::string kWorkload = " verified san=1 URI:spiffe://cluster.local/ns/foo/sa/app";

TEST_CASE("requests that openssl made are told as they are") {
  struct Row {
    std::string name;
    std::string expected;
  };
  const std::string unchecked = " unchecked san=1 URI:spiffe://cluster.local/ns/foo/sa/app";
  const std::string ecdsa_only = ", where an EC key signs with SHA-256, SHA-384 or SHA-512 by ECDSA without parameters";
  const std::string rsa_only =
      ", where an RSA key signs with SHA-256, SHA-384 or SHA-512 by RSASSA-PKCS1-v1_5 with NULL parameters";
  const std::vector<Row> rows = {
      {"p256", "ECDSA-P256" + kWorkload},
      {"p384", "ECDSA-P384" + kWorkload},
      {"rsa2048", "RSA-2048" + kWorkload},
      {"rsa3072", "RSA-3072" + kWorkload},
      {"rsa4096", "RSA-4096" + kWorkload},
      {"key-rsa-exponent-3", "RSA-2048" + kWorkload},
      {"p256-sha384", "ECDSA-P256" + kWorkload},
      {"p256-sha512", "ECDSA-P256" + kWorkload},
      {"rsa2048-sha384", "RSA-2048" + kWorkload},
      {"rsa2048-sha512", "RSA-2048" + kWorkload},
      {"key-p521", "[ECDSA-P521]" + unchecked},
      {"key-k256", "[ECDSA-curve-1.3.132.0.10]" + unchecked},
      {"key-rsa1024", "[RSA-1024]" + unchecked},
      {"key-rsa2047", "[RSA-2047]" + unchecked},
      {"key-pss", "[RSA-PSS]" + unchecked},
      {"key-ed25519", "[Ed25519]" + unchecked},
      {"key-ed448", "[Ed448]" + unchecked},
      {"key-explicit", "error: public key: an EC key whose curve is not named"},
      {"key-compressed", "error: public key: an EC key that is not an uncompressed point"},
      {"p256-sha1", "error: signature algorithm 1.2.840.10045.4.1" + ecdsa_only},
      {"p256-sha3-256", "error: signature algorithm 2.16.840.1.101.3.4.3.10" + ecdsa_only},
      {"rsa2048-sha1", "error: signature algorithm 1.2.840.113549.1.1.5" + rsa_only},
      {"rsa2048-with-pss", "error: signature algorithm 1.2.840.113549.1.1.10" + rsa_only},
      {"no-attributes", "ECDSA-P256 verified"},
      {"usages", "ECDSA-P256" + kWorkload +
                     " usages=[digital signature, content commitment, key encipherment, data encipherment, "
                     "key agreement, server auth, client auth]"},
      {"usages-of-others",
       "ECDSA-P256" + kWorkload +
           " usages=[key agreement, encipher only, decipher only, 1.3.6.1.5.5.7.3.3, 2.5.29.37.0, 1.2.3.4]"},
      {"ca", "ECDSA-P256" + kWorkload + " ca"},
      {"cert-sign", "ECDSA-P256" + kWorkload + " ca"},
      {"crl-sign", "ECDSA-P256" + kWorkload + " usages=[digital signature] ca"},
      {"other-extensions", "ECDSA-P256" + kWorkload + " other=[2.5.29.32, 2.5.29.30]"},
      {"other-attributes", "ECDSA-P256" + kWorkload + " other=[1.2.840.113549.1.9.2, 1.2.840.113549.1.9.7]"},
      {"names-of-every-type", "ECDSA-P256" + kWorkload +
                                  " DNS:app.foo.svc DNS:*.foo.svc IP:10.1.2.3 IP:2001:db8::1 email:app@foo "
                                  "other:registeredID 1.2.3.4 other:otherName 1.3.6.1.4.1.311.20.2.3"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(to_text(parse_pkcs10(file("csr/" + row.name + ".pem"))) == row.expected);
  }
}

CertificateSigningRequest reviewed(const std::string& name) {
  const auto document = JsonDocument::parse(file("reviews/" + name + ".json"));
  REQUIRE(document);
  auto object = CertificateSigningRequest::decode(document->root().at("request", "object"));
  REQUIRE(object);
  return *std::move(object);
}

TEST_CASE("requests that Go made are told as they are") {
  struct Row {
    std::string name;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"workload-ecdsa", "ECDSA-P256" + kWorkload},
      {"workload-rsa", "RSA-2048" + kWorkload},
      {"weak-key", "[RSA-1024] unchecked san=1 URI:spiffe://cluster.local/ns/foo/sa/app"},
      {"spoiled-signature", "ECDSA-P256 failed san=1 URI:spiffe://cluster.local/ns/foo/sa/app"},
      {"asks-to-be-a-ca", "ECDSA-P256" + kWorkload + " ca"},
      {"no-names-at-all", "ECDSA-P256 verified"},
      {"two-identities", "ECDSA-P256" + kWorkload + " URI:spiffe://cluster.local/ns/bar/sa/app"},
      {"identity-and-dns-name", "ECDSA-P256" + kWorkload + " DNS:app.foo.svc"},
      {"istiod-serving-certificate",
       "RSA-2048 verified san=1 DNS:istiod.istio-system.svc DNS:istiod-remote.istio-system.svc "
       "DNS:istio-pilot.istio-system.svc"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(to_text(parse_pkcs10(reviewed(row.name).spec.request)) == row.expected);
  }
}

TEST_CASE("the SubjectPublicKeyInfo is handed on byte for byte") {
  const RequestBuilder request;
  const auto facts = parse_pkcs10(pem(request.build()));
  REQUIRE(facts);
  CHECK(facts->spki == request.spki);
}

TEST_CASE("a signing request carries the object's facts and the requester of its stage") {
  CertificateSigningRequest object = reviewed("workload-rsa");
  object.annotations = {{"experimental.cert-manager.io/request-duration", "100h"},
                        {"experimental.cert-manager.io/request-is-ca", "true"}};

  const SigningRequest request = signing_request_of(object);
  CHECK(request.uid == "5a7f6a3e-6f0b-4a3e-8f57-3d7f2f2f9d11");
  CHECK(request.name == "csr-workload-x7k2p");
  CHECK(request.signer_name == "clusterissuers.cert-manager.io/foo");
  CHECK(request.requester == "system:serviceaccount:istio-system:istiod");
  CHECK(request.requester_groups.size() == 3);
  CHECK(request.usages ==
        std::vector<std::string>{"digital signature", "key encipherment", "server auth", "client auth"});
  CHECK(request.expiration_seconds == 86400);
  CHECK(request.annotated_duration == "100h");
  CHECK(request.annotated_is_ca == "true");
  CHECK(to_text(request.pkcs10) == "RSA-2048" + kWorkload);

  const SigningRequest at_create = signing_request_of(object, {.username = "alice", .groups = {"staff"}});
  CHECK(at_create.requester == "alice");
  CHECK(at_create.requester_groups == std::vector<std::string>{"staff"});

  object.annotations.clear();
  object.spec.request = "nothing";
  const SigningRequest broken = signing_request_of(object);
  CHECK_FALSE(broken.annotated_duration);
  CHECK_FALSE(broken.annotated_is_ca);
  CHECK_FALSE(broken.pkcs10);
}

// The names extension with these GeneralNames.
std::string attributes_with(std::string_view extensions) { return der(0xa0, {extension_request(extensions)}); }
std::string names(std::string_view list) { return extension("subjectAltName", der(0x30, {list})); }

TEST_CASE("attributes and extensions are judged one by one") {
  struct Row {
    std::string name;
    std::string attributes;
    std::string expected;
  };
  const std::string san = extension("subjectAltName", uri_name(RequestBuilder::kUri));
  const std::string true_boolean = der(0x01, {"\xff"});
  const std::string pathlen = der(0x02, {"\x01"});
  std::string hundred;
  for (int i = 0; i < 100; ++i) {
    hundred += der(0x82, {"a"});
  }
  std::string extensions33;
  for (int i = 0; i < 33; ++i) {
    extensions33 += extension(("1.2.3." + std::to_string(i)).c_str(), "");
  }
  std::string attributes17;
  for (int i = 0; i < 17; ++i) {
    attributes17 += der(0x30, {oid("1.2.3.4"), der(0x31, {})});
  }
  const std::vector<Row> rows = {
      {"one name", attributes_with(san), "ECDSA-P256" + kWorkload},
      {"none", der(0xa0, {}), "ECDSA-P256 verified"},
      {"no extensions in the request for them", attributes_with(""), "ECDSA-P256 verified"},
      {"two extensions of names", attributes_with(san + names(der(0x82, {"b"}))),
       "ECDSA-P256 verified san=2 URI:spiffe://cluster.local/ns/foo/sa/app DNS:b"},
      {"a names extension without names", attributes_with(names("")), "ECDSA-P256 verified san=1"},
      {"a hundred names", attributes_with(names(hundred)), ""},
      {"one name more", attributes_with(names(hundred + der(0x82, {"a"}))),
       "error: extension 2.5.29.17: more than 100 names"},
      {"NUL in a URI", attributes_with(names(der(0x86, {"spiffe://cluster.local/ns/foo/sa/app\0@"s}))),
       "error: extension 2.5.29.17: a name that is not printable ASCII"},
      {"a line feed in a host", attributes_with(names(der(0x82, {"a\nb"}))),
       "error: extension 2.5.29.17: a name that is not printable ASCII"},
      {"UTF-8 in a mailbox", attributes_with(names(der(0x81, {"\xc3\xa4@b"}))),
       "error: extension 2.5.29.17: a name that is not printable ASCII"},
      {"an address of five bytes", attributes_with(names(der(0x87, {"12345"}))),
       "ECDSA-P256 verified san=1 IP:an address of 5 bytes"},
      {"a directory name", attributes_with(names(der(0xa4, {der(0x30, {})}))),
       "ECDSA-P256 verified san=1 other:directoryName"},
      {"a name of an unknown type", attributes_with(names(der(0x89, {"a"}))),
       "error: extension 2.5.29.17: not a list of names"},
      {"a URI in pieces", attributes_with(names(der(0xa6, {der(0x16, {RequestBuilder::kUri})}))),
       "error: extension 2.5.29.17: a name that is not in one piece"},
      {"a host in no piece", attributes_with(names(der(0x86, {RequestBuilder::kUri}) + der(0xa2, {}))),
       "error: extension 2.5.29.17: a name that is not in one piece"},
      {"an address in pieces", attributes_with(names(der(0xa7, {der(0x04, {"1234"})}))),
       "error: extension 2.5.29.17: a name that is not in one piece"},
      {"names and bytes after them", attributes_with(extension("subjectAltName", uri_name("a") + "\0"s)),
       "error: extension 2.5.29.17: not a list of names"},
      {"names with a long-form length", attributes_with(extension("subjectAltName", "\x30\x81\x03\x86\x01\x61"s)),
       "error: extension 2.5.29.17: not a list of names"},
      {"names of indefinite length", attributes_with(extension("subjectAltName", "\x30\x80\x86\x01\x61\x00\x00"s)),
       "error: extension 2.5.29.17: not a list of names"},
      {"two key usages",
       attributes_with(extension("keyUsage", "\x03\x02\x07\x80"s) + extension("keyUsage", "\x03\x02\x07\x80"s)),
       "error: extension 2.5.29.15 comes twice"},
      {"an unknown extension twice", attributes_with(extension("1.2.3.4", "") + extension("1.2.3.4", "")),
       "error: extension 1.2.3.4 comes twice"},
      {"a tenth key usage", attributes_with(extension("keyUsage", "\x03\x03\x06\x80\x40"s)),
       "error: extension 2.5.29.15: bit 9 has no meaning"},
      {"a key usage of three octets", attributes_with(extension("keyUsage", "\x03\x04\x00\x80\x00\x01"s)),
       "error: extension 2.5.29.15: not a string of at most nine bits"},
      {"a key usage that is no bit string", attributes_with(extension("keyUsage", "\x02\x01\x00"s)),
       "error: extension 2.5.29.15: not a string of at most nine bits"},
      {"a CA of any depth", attributes_with(extension("basicConstraints", der(0x30, {true_boolean}))),
       "ECDSA-P256 verified ca"},
      {"no CA, by default", attributes_with(extension("basicConstraints", der(0x30, {}))), "ECDSA-P256 verified"},
      {"a BOOLEAN of BER", attributes_with(extension("basicConstraints", der(0x30, {der(0x01, {"\x01"})}))),
       "error: extension 2.5.29.19: not CA and a path length"},
      {"a path length without CA", attributes_with(extension("basicConstraints", der(0x30, {pathlen}))),
       "error: extension 2.5.29.19: a path length without CA"},
      {"an empty extended key usage", attributes_with(extension("extendedKeyUsage", "")),
       "error: extension 2.5.29.37: not a list of at most 32 object identifiers"},
      {"Netscape's certificate type", attributes_with(extension("nsCertType", "\x03\x02\x02\x04"s)),
       "ECDSA-P256 verified other=[2.16.840.1.113730.1.1]"},
      {"Microsoft's request for extensions",
       der(0xa0, {der(0x30, {oid("1.3.6.1.4.1.311.2.1.14"), der(0x31, {der(0x30, {san})})})}),
       "ECDSA-P256 verified other=[1.3.6.1.4.1.311.2.1.14]"},
      {"attributes that are no SET", der(0x80, {extension_request(san)}), "error: its attributes are not a SET"},
      {"two requests for extensions", der(0xa0, {extension_request(san), extension_request("")}),
       "error: extensionRequest comes twice"},
      {"a request with two values",
       der(0xa0, {der(0x30, {oid("extReq"), der(0x31, {der(0x30, {}), der(0x30, {san})})})}),
       "error: extensionRequest does not have exactly one value that is a SEQUENCE"},
      {"a request without a value", der(0xa0, {der(0x30, {oid("extReq"), der(0x31, {})})}),
       "error: extensionRequest does not have exactly one value that is a SEQUENCE"},
      {"a request that is a string", der(0xa0, {der(0x30, {oid("extReq"), der(0x31, {der(0x0c, {"a"})})})}),
       "error: extensionRequest does not have exactly one value that is a SEQUENCE"},
      {"too many extensions", attributes_with(extensions33),
       "error: extensionRequest is not a list of at most 32 extensions"},
      {"too many attributes", der(0xa0, {attributes17}), "error: more than 16 attributes"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    RequestBuilder request;
    request.attributes = row.attributes;
    const std::string text = to_text(parse_pkcs10(pem(request.build())));
    if (row.expected.empty()) {
      CHECK(text.starts_with("ECDSA-P256 verified san=1 DNS:a DNS:a"));
    } else {
      CHECK(text == row.expected);
    }
  }
}

TEST_CASE("a subject is of texts that everybody reads alike") {
  struct Row {
    std::string name;
    unsigned char tag;
    std::string text;
    bool sound;
  };
  const std::vector<Row> rows = {
      {"PrintableString", 0x13, "An org (1), 'a'-b./c:d=e?+", true},
      {"an at sign in it", 0x13, "a@b", false},
      {"an asterisk in it", 0x13, "*", false},
      {"NUL in it", 0x13, "a\0b"s, false},
      {"NumericString", 0x12, "12 34", true},
      {"a letter in it", 0x12, "1a", false},
      {"IA5String", 0x16, "a@b*", true},
      {"Latin-1 in it", 0x16, "\xe4", false},
      {"TeletexString", 0x14, "a", true},
      {"Latin-1 in it, or whatever", 0x14, "\xe4", false},
      {"UTF8String", 0x0c, "\xc3\xa4", true},
      {"BMPString", 0x1e, "\0a"s, false},
      {"UniversalString", 0x1c, "\0\0\0a"s, false},
      {"BIT STRING", 0x03, "\x00\xff"s, true},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    RequestBuilder request;
    request.subject = der(0x30, {der(0x31, {der(0x30, {oid("O"), der(row.tag, {row.text})})})});
    CHECK(to_text(parse_pkcs10(pem(request.build()))) ==
          (row.sound ? "ECDSA-P256" + kWorkload
                     : "error: subject: the text of O has a type or characters that not everybody reads alike"));
  }
}

TEST_CASE("a request has exactly the parts of RFC 2986") {
  struct Row {
    std::string name;
    void (*change)(RequestBuilder&);
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"as it should be", [](RequestBuilder&) {}, "ECDSA-P256" + kWorkload},
      {"any subject", [](RequestBuilder& r) { r.subject = "\x30\x0b\x31\x09\x30\x07\x06\x03\x55\x04\x0a\x13\x00"s; },
       "ECDSA-P256" + kWorkload},
      {"a subject that is no Name", [](RequestBuilder& r) { r.subject = der(0x30, {der(0x0c, {"a"})}); },
       "error: not a PKCS#10: "},
      {"version 2", [](RequestBuilder& r) { r.version = "\x02\x01\x01"s; }, "error: PKCS#10 version is not 1"},
      {"a huge version", [](RequestBuilder& r) { r.version = der(0x02, {"\x01\0\0\0\0\0\0\0\0\0"s}); },
       "error: PKCS#10 version is not 1"},
      {"no attributes at all", [](RequestBuilder& r) { r.attributes = ""; }, "error: not a PKCS#10: "},
      {"attributes twice", [](RequestBuilder& r) { r.attributes += r.attributes; }, "error: not a PKCS#10: "},
      {"a key with unused bits",
       [](RequestBuilder& r) {
         const std::string algorithm = r.spki.substr(2, 21);
         r.spki = der(0x30, {algorithm, der(0x03, {"\x04"s, r.spki.substr(26, 64), "\x10"s})});
       },
       "error: public key and signature are whole octets"},
      {"a point beside the curve", [](RequestBuilder& r) { r.spki.back() = static_cast<char>(r.spki.back() ^ 1); },
       "error: public key: an EC key that is no point on its curve: "},
      {"the key of another",
       [](RequestBuilder& r) { r.spki = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"s + std::string(32, 'k'); },
       "[Ed25519] unchecked san=1 URI:spiffe://cluster.local/ns/foo/sa/app"},
      {"an algorithm nobody knows",
       [](RequestBuilder& r) {
         r.spki = der(0x30, {der(0x30, {oid("1.2.3.4")}), "\x03\x01\x00"s});
       },
       "[1.2.3.4] unchecked san=1 URI:spiffe://cluster.local/ns/foo/sa/app"},
      {"ECDSA with parameters",
       [](RequestBuilder& r) {
         r.signature_algorithm = der(0x30, {oid("ecdsa-with-SHA256"), "\x05\x00"s});
       },
       "error: signature algorithm 1.2.840.10045.4.3.2, "},
      {"RSA's algorithm for an EC key",
       [](RequestBuilder& r) {
         r.signature_algorithm = der(0x30, {oid("sha256WithRSAEncryption"), "\x05\x00"s});
       },
       "error: signature algorithm 1.2.840.113549.1.1.11, "},
      {"another digest than was signed",
       [](RequestBuilder& r) { r.signature_algorithm = der(0x30, {oid("ecdsa-with-SHA384")}); },
       "ECDSA-P256 failed san=1 URI:spiffe://cluster.local/ns/foo/sa/app"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    RequestBuilder request;
    row.change(request);
    const std::string text = to_text(parse_pkcs10(pem(request.build())));
    CHECK(text.substr(0, row.expected.size()) == row.expected);
  }
}

// An RSA key of this modulus and exponent, both as the contents of an INTEGER.
std::string rsa_spki(std::string_view modulus, std::string_view exponent,
                     std::string_view parameters = {"\x05\x00", 2}) {
  const std::string key = der(0x30, {der(0x02, {modulus}), der(0x02, {exponent})});
  return der(0x30, {der(0x30, {oid("rsaEncryption"), parameters}), der(0x03, {"\0"s, key})});
}

TEST_CASE("an RSA key is measured before it is decoded") {
  const std::string sign("\0", 1);
  const std::string odd2048 = sign + std::string(256, '\xff');
  const std::string f4 = "\x01\x00\x01"s;
  const std::string bad_exponent =
      "error: public key: an RSA key whose public exponent is not an odd number from 3 to 2^31-1";
  const std::string bad_modulus = "error: public key: an RSA key whose modulus is even or beyond any size";
  const std::string not_positive =
      "error: public key: an RSA key that is not a positive modulus and a positive exponent";
  struct Row {
    std::string name;
    std::string spki;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"2049 bits", rsa_spki("\x01" + std::string(256, '\xff'), f4), "[RSA-2049] unchecked"},
      {"16384 bits", rsa_spki(sign + std::string(2048, '\xff'), f4), "[RSA-16384] unchecked"},
      {"3 bits", rsa_spki("\x07", f4), "[RSA-3] unchecked"},
      {"2049 octets", rsa_spki("\x01" + std::string(2048, '\xff'), f4), bad_modulus},
      {"an even modulus", rsa_spki(sign + std::string(255, '\xff') + "\xfe", f4), bad_modulus},
      {"a negative modulus", rsa_spki(std::string(1, '\xaa') + std::string(255, '\xff'), f4), not_positive},
      {"a modulus of zero", rsa_spki(sign, f4), not_positive},
      {"exponent 0", rsa_spki(odd2048, sign), not_positive},
      {"exponent 1", rsa_spki(odd2048, "\x01"), bad_exponent},
      {"exponent 2", rsa_spki(odd2048, "\x02"), bad_exponent},
      {"exponent 65536", rsa_spki(odd2048, "\x01\x00\x00"s), bad_exponent},
      {"a negative exponent", rsa_spki(odd2048, "\xfd"), not_positive},
      {"an exponent of 32 bits", rsa_spki(odd2048, "\x00\xff\xff\xff\xff"s), bad_exponent},
      {"an exponent of 31 bits", rsa_spki(sign + std::string(64, '\xff'), "\x7f\xff\xff\xff"), "[RSA-512] unchecked"},
      {"no parameters", rsa_spki(odd2048, f4, ""),
       "error: public key: an RSA key whose algorithm parameters are not NULL"},
      {"an algorithm of ECDSA", rsa_spki(odd2048, f4),
       "error: signature algorithm 1.2.840.10045.4.3.2, where an RSA key signs"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    RequestBuilder request;
    request.spki = row.spki;
    const std::string text = to_text(parse_pkcs10(pem(request.build())));
    CHECK(text.substr(0, row.expected.size()) == row.expected);
  }
}

TEST_CASE("an EC key that claims infinity or the wrong length is refused") {
  const RequestBuilder original;
  const std::string algorithm = original.spki.substr(2, 21);
  for (const std::string& point : {"\0"s, ""s, "\x04"s, std::string(64, '\x04'), std::string(66, '\x04')}) {
    RequestBuilder request;
    request.spki = der(0x30, {algorithm, der(0x03, {"\0"s, point})});
    CHECK(to_text(parse_pkcs10(pem(request.build()))) ==
          "error: public key: an EC key that is not an uncompressed point");
  }
}

TEST_CASE("what OpenSSL would take as BER is refused although its signature verifies") {
  const RequestBuilder request;
  const std::string sound = request.build();
  REQUIRE(to_text(parse_pkcs10(pem(sound))) == "ECDSA-P256" + kWorkload);
  // The outer SEQUENCE of a request of this size has two octets of length: 30 81 xx or 30 82 xx xx.
  const std::size_t header = static_cast<unsigned char>(sound[1]) == 0x81 ? 3 : 4;
  const std::string content = sound.substr(header);
  const auto size = static_cast<unsigned>(content.size());
  const std::string longer_length = "\x30\x83"s + '\0' + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff);
  const std::string end_of_contents = "\0\0"s;

  CHECK(to_text(parse_pkcs10(pem(longer_length + content))).starts_with("error: DER byte 0: "));
  CHECK(to_text(parse_pkcs10(pem("\x30\x80"s + content + end_of_contents))).starts_with("error: DER byte 0: "));
  CHECK(to_text(parse_pkcs10(pem(sound + end_of_contents))) ==
        "error: DER byte " + std::to_string(sound.size()) + ": bytes after the value");
  CHECK(to_text(parse_pkcs10(pem(sound + sound))) ==
        "error: DER byte " + std::to_string(sound.size()) + ": bytes after the value");

  // Inside what is signed, too.
  RequestBuilder indefinite;
  indefinite.subject = "\x30\x80\x00\x00"s;
  CHECK(to_text(parse_pkcs10(pem(indefinite.build()))).starts_with("error: DER byte "));
  RequestBuilder long_form;
  long_form.subject = "\x30\x81\x00"s;
  CHECK(to_text(parse_pkcs10(pem(long_form.build()))).starts_with("error: DER byte "));
}

TEST_CASE("no truncation and no change of a byte lets other facts verify") {
  for (const char* const name : {"p256", "rsa2048"}) {
    const std::string text = file("csr/"s + name + ".pem");
    const auto original = to_text(parse_pkcs10(text));
    const std::string spki = parse_pkcs10(text)->spki;
    const auto block = text.substr(text.find('\n') + 1, text.rfind("-----END") - text.find('\n') - 1);
    std::string base64;
    for (const char c : block) {
      if (c != '\n') {
        base64 += c;
      }
    }
    const std::string request = base64_decode(base64).value();

    for (std::size_t size = 0; size < request.size(); ++size) {
      REQUIRE_FALSE(parse_pkcs10(pem(request.substr(0, size))));
    }
    for (std::size_t at = 0; at < request.size(); ++at) {
      for (int flip = 1; flip < 256; flip <<= 1) {
        std::string changed = request;
        changed[at] = static_cast<char>(changed[at] ^ flip);
        const auto facts = parse_pkcs10(pem(changed));
        INFO(name << ", byte " << at << " flipped by " << flip << ": " << to_text(facts));
        REQUIRE((!facts || facts->signature != Pkcs10Facts::Signature::kVerified));
      }
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
      std::string changed = text;
      changed[at] = static_cast<char>(changed[at] ^ 0x01);
      const auto facts = parse_pkcs10(changed);
      REQUIRE((!facts || facts->signature != Pkcs10Facts::Signature::kVerified));
    }
    for (std::size_t size = 0; size + 1 < text.size(); ++size) {
      REQUIRE_FALSE(parse_pkcs10(text.substr(0, size)));
    }
    // Without its last line feed it is the same request.
    const auto without_end = parse_pkcs10(text.substr(0, text.size() - 1));
    REQUIRE(without_end);
    CHECK(to_text(without_end) == original);
    CHECK(without_end->spki == spki);
  }
}

}  // namespace
}  // namespace signet
