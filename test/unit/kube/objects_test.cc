#include "signer/kube/objects.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

namespace signet {
namespace {

tl::expected<CertificateSigningRequest, std::string> decode(std::string_view text, std::string_view path = {}) {
  const auto document = JsonDocument::parse(text);
  REQUIRE(document.has_value());
  return CertificateSigningRequest::decode(document->root(), path);
}

TEST_CASE("A CertificateSigningRequest is read with every field we use") {
  const auto csr = decode(R"({
    "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
    "metadata": {"name": "csr-workload-x", "generateName": "csr-workload-", "uid": "u-1", "resourceVersion": "42",
                 "annotations": {"a": "1", "b": ""}, "labels": {"l": "2"}, "managedFields": [{"anything": []}]},
    "spec": {"request": "Zm9v", "signerName": "example.com/foo", "usages": ["digital signature", "client auth"],
             "expirationSeconds": 600, "username": "system:admin", "uid": "7", "groups": ["g1", "g2"], "extra": {"example.com/x": ["y", "z"], "none": [], "null": null}},
    "status": {"conditions": [{"type": "Approved", "status": "True", "reason": "R", "message": "M",
                               "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-02T00:00:00Z"},
                              {"type": "Failed", "status": "False"}],
               "certificate": "YmFy"}})");
  REQUIRE(csr.has_value());
  CertificateSigningRequest expected;
  expected.name = "csr-workload-x";
  expected.generate_name = "csr-workload-";
  expected.uid = "u-1";
  expected.resource_version = "42";
  expected.annotations = {{"a", "1"}, {"b", ""}};
  expected.labels = {{"l", "2"}};
  expected.spec = {"foo",
                   "example.com/foo",
                   {"digital signature", "client auth"},
                   600,
                   "system:admin",
                   "7",
                   {"g1", "g2"},
                   {{"example.com/x", {"y", "z"}}, {"none", {}}, {"null", {}}}};
  expected.status.conditions = {{"Approved", "True", "R", "M", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
                                {"Failed", "False", "", "", "", ""}};
  expected.status.certificate = "bar";
  CHECK(*csr == expected);
  CHECK(csr->has_condition("Approved"));
  CHECK_FALSE(csr->has_condition("Failed"));
  CHECK_FALSE(csr->has_condition("Denied"));
}

TEST_CASE("Fields that are absent or null are empty") {
  const char* const texts[] = {
      "{}",
      R"({"metadata":null,"spec":null,"status":null})",
      R"({"metadata":{},"spec":{},"status":{}})",
      R"({"metadata":{"name":null,"annotations":null,"labels":null},
          "spec":{"request":null,"usages":null,"expirationSeconds":null,"groups":null,"extra":null},
          "status":{"conditions":null,"certificate":null}})",
  };
  for (const char* text : texts) {
    INFO(text);
    CHECK(decode(text) == CertificateSigningRequest());
  }
}

TEST_CASE("A field of a wrong type is refused with its JSON path") {
  struct Row {
    const char* text;
    const char* error;
  };
  const Row rows[] = {
      {R"([])", "the object: must be an object"},
      {R"(null)", "the object: must be an object"},
      {R"({"metadata":7})", "metadata: must be an object"},
      {R"({"metadata":{"name":7}})", "metadata.name: must be a string"},
      {R"({"metadata":{"uid":["x"]}})", "metadata.uid: must be a string"},
      {R"({"metadata":{"labels":[]}})", "metadata.labels: must be an object"},
      {R"({"metadata":{"annotations":{"a/b":true}}})", R"(metadata.annotations["a/b"]: must be a string)"},
      {R"({"spec":"x"})", "spec: must be an object"},
      {R"({"spec":{"request":7}})", "spec.request: must be a string"},
      {R"({"spec":{"request":"Zm9"}})", "spec.request: byte 3: the length of base64 is not a multiple of 4"},
      {R"({"spec":{"usages":"any"}})", "spec.usages: must be a list"},
      {R"({"spec":{"usages":["a","b",3]}})", "spec.usages[2]: must be a string"},
      {R"({"spec":{"groups":[null]}})", "spec.groups[0]: must be a string"},
      {R"({"spec":{"extra":[]}})", "spec.extra: must be an object"},
      {R"({"spec":{"extra":{"a.b/c":"d"}}})", R"(spec.extra["a.b/c"]: must be a list)"},
      {R"({"spec":{"extra":{"a":[],"b":["c",1]}}})", R"(spec.extra["b"][1]: must be a string)"},
      {R"({"spec":{"expirationSeconds":"600"}})", "spec.expirationSeconds: must be a 32-bit integer"},
      {R"({"spec":{"expirationSeconds":600.0}})", "spec.expirationSeconds: must be a 32-bit integer"},
      {R"({"spec":{"expirationSeconds":2147483648}})", "spec.expirationSeconds: must be a 32-bit integer"},
      {R"({"status":{"conditions":{}}})", "status.conditions: must be a list"},
      {R"({"status":{"conditions":[{},"x"]}})", "status.conditions[1]: must be an object"},
      {R"({"status":{"conditions":[{"type":1}]}})", "status.conditions[0].type: must be a string"},
      {R"({"status":{"certificate":"?"}})", "status.certificate: byte 1: the length of base64 is not a multiple of 4"},
      {R"({"spec":{"uid":1},"status":7})", "spec.uid: must be a string"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto csr = decode(row.text);
    REQUIRE_FALSE(csr.has_value());
    CHECK(csr.error() == row.error);
  }
}

TEST_CASE("The path of an error stands under the given one") {
  CHECK(decode("7", "request.object").error() == "request.object: must be an object");
  CHECK(decode(R"({"spec":{"usages":[1]}})", "request.object").error() ==
        "request.object.spec.usages[0]: must be a string");
}

TEST_CASE("Specs that differ in what the authenticator told are not equal") {
  const auto spec_of = [](std::string_view extra) {
    return decode(R"({"spec":{"extra":)" + std::string(extra) + "}}")->spec;
  };
  CHECK(spec_of(R"({"k":["a","b"]})") == spec_of(R"({"k":["a","b"]})"));
  for (const char* other : {"{}", R"({"k":["a"]})", R"({"k":["b","a"]})", R"({"K":["a","b"]})"}) {
    INFO(other);
    CHECK(spec_of(R"({"k":["a","b"]})") != spec_of(other));
  }
}

TEST_CASE("A Namespace is read with its name and labels, or refused with a JSON path") {
  const auto decode_namespace = [](std::string_view text) {
    const auto document = JsonDocument::parse(text);
    REQUIRE(document.has_value());
    return Namespace::decode(document->root());
  };
  const auto ns = decode_namespace(
      R"({"metadata":{"name":"foo","labels":{"kubernetes.io/metadata.name":"foo","tenant":""}},"status":{"phase":"Active"}})");
  REQUIRE(ns.has_value());
  CHECK(ns->name == "foo");
  CHECK(ns->labels == StringMap{{"kubernetes.io/metadata.name", "foo"}, {"tenant", ""}});
  for (const char* text : {R"({"metadata":{"name":"foo"}})", R"({"metadata":{"name":"foo","labels":null}})"}) {
    CHECK(decode_namespace(text)->labels.empty());
  }

  const std::pair<const char*, const char*> rows[] = {
      {"7", "the object: must be an object"},
      {"{}", "metadata.name: must not be empty"},
      {R"({"metadata":{"name":""}})", "metadata.name: must not be empty"},
      {R"({"metadata":{"name":7}})", "metadata.name: must be a string"},
      {R"({"metadata":{"name":"foo","labels":"x"}})", "metadata.labels: must be an object"},
      {R"({"metadata":{"name":"foo","labels":{"a":"1","b/c":2}}})", R"(metadata.labels["b/c"]: must be a string)"},
  };
  for (const auto& [text, error] : rows) {
    INFO(text);
    CHECK(decode_namespace(text) == tl::unexpected<std::string>(error));
  }
}

TEST_CASE("A Pod is read as far as it tells whose it is and whether it lives, or refused with a JSON path") {
  const auto decode_pod = [](std::string_view text) {
    const auto document = JsonDocument::parse(text);
    REQUIRE(document.has_value());
    return Pod::decode(document->root());
  };
  CHECK(decode_pod(
            R"({"metadata":{"uid":"u-1"},"spec":{"serviceAccountName":"httpbin"},"status":{"phase":"Running"}})") ==
        Pod{"u-1", "httpbin", false, "Running"});
  CHECK(decode_pod(
            R"({"metadata":{"uid":"u-1","deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Failed"}})") ==
        Pod{"u-1", "", true, "Failed"});
  CHECK(decode_pod(R"({"metadata":{"uid":"u-1","deletionTimestamp":null}})") == Pod{"u-1", "", false, ""});

  const std::pair<const char*, const char*> rows[] = {
      {"[]", "the object: must be an object"},
      {"{}", "metadata.uid: must not be empty"},
      {R"({"metadata":{"uid":1}})", "metadata.uid: must be a string"},
      {R"({"metadata":{"uid":"u","deletionTimestamp":7}})", "metadata.deletionTimestamp: must be a string"},
      {R"({"metadata":{"uid":"u"},"spec":{"serviceAccountName":[]}})", "spec.serviceAccountName: must be a string"},
      {R"({"metadata":{"uid":"u"},"status":{"phase":{}}})", "status.phase: must be a string"},
      {R"({"metadata":{"uid":"u"},"status":7})", "status: must be an object"},
  };
  for (const auto& [text, error] : rows) {
    INFO(text);
    CHECK(decode_pod(text) == tl::unexpected<std::string>(error));
  }
}

TEST_CASE("A Lease is read whole or as it was given back, or refused with a JSON path") {
  const auto decode_lease = [](std::string_view text) {
    const auto document = JsonDocument::parse(text);
    REQUIRE(document.has_value());
    return Lease::decode(document->root());
  };
  CHECK(decode_lease(
            R"({"metadata":{"name":"l","resourceVersion":"7"},"spec":{"holderIdentity":"us","leaseDurationSeconds":4,)"
            R"("acquireTime":"then","renewTime":"now","leaseTransitions":2}})") ==
        Lease{"l", "7", "us", 4, "then", "now", 2});
  CHECK(decode_lease(R"({"metadata":{"name":"l","resourceVersion":"7"},"spec":{"holderIdentity":null}})") ==
        Lease{.name = "l", .resource_version = "7"});

  const std::pair<const char*, const char*> rows[] = {
      {"[]", "the object: must be an object"},
      {R"({"metadata":{"resourceVersion":"7"}})", "metadata.name: must not be empty"},
      {R"({"metadata":{"name":"l"}})", "metadata.resourceVersion: must not be empty"},
      {R"({"metadata":{"name":"l","resourceVersion":"7"},"spec":{"holderIdentity":1}})",
       "spec.holderIdentity: must be a string"},
      {R"({"metadata":{"name":"l","resourceVersion":"7"},"spec":{"leaseTransitions":"2"}})",
       "spec.leaseTransitions: must be a 32-bit integer"},
  };
  for (const auto& [text, error] : rows) {
    INFO(text);
    CHECK(decode_lease(text) == tl::unexpected<std::string>(error));
  }
}

TEST_CASE("The request of a recorded review is read down to its PEM") {
  std::ifstream file(SIGNET_TESTDATA "/reviews/workload-rsa.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto review = JsonDocument::parse(text);
  REQUIRE(review.has_value());
  const auto csr = CertificateSigningRequest::decode(review->root().at("request", "object"), "request.object");
  REQUIRE(csr.has_value());
  CHECK(csr->spec.request.rfind("-----BEGIN CERTIFICATE REQUEST-----\n", 0) == 0);
  CHECK(csr->spec.signer_name == "clusterissuers.cert-manager.io/foo");
  CHECK(csr->spec.usages.size() == 4);
  CHECK(csr->spec.expiration_seconds == 86400);
}

}  // namespace
}  // namespace signet
