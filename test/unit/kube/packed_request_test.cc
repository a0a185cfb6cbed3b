#include "signer/kube/packed_request.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

CertificateSigningRequest full_request() {
  CertificateSigningRequest csr;
  csr.name = "csr-workload-abcde";
  csr.generate_name = "csr-workload-";
  csr.uid = "u-1";
  csr.resource_version = "42";
  csr.annotations = {{"a", "1"}, {"b", std::string(70'000, 'x')}};
  csr.labels = {{"", ""}};
  csr.spec = {.request = std::string("PEM\0with a zero", 15),
              .signer_name = "example.com/foo",
              .usages = {"digital signature", ""},
              .expiration_seconds = -1,
              .username = "system:serviceaccount:istio-system:istiod",
              .uid = "u-2",
              .groups = {"g"},
              .extra = {{"pod", {"a", "b"}}, {"none", {}}}};
  csr.status = {.conditions = {{"Approved", "True", "R", "m", "then", "now"}, {"Seen", "False", "", "", "", ""}},
                .certificate = "PEM"};
  return csr;
}

TEST_CASE("What was packed comes out as it went in, every field of it") {
  for (const CertificateSigningRequest& csr : {full_request(), CertificateSigningRequest{}}) {
    CHECK(PackedRequest(csr).unpack() == csr);
  }
}

TEST_CASE("A packed request knows the object and the state that it is of") {
  const PackedRequest packed(full_request());
  CertificateSigningRequest other = full_request();
  other.name = "another name";
  CHECK(packed.is_of(other));
  other.resource_version = "43";
  CHECK_FALSE(packed.is_of(other));
  other = full_request();
  other.uid = "u-3";
  CHECK_FALSE(packed.is_of(other));
}

}  // namespace
}  // namespace signet
