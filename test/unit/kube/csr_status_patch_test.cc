#include "signer/kube/csr_status_patch.h"

#include <catch2/catch.hpp>
#include <string>

namespace signet {
namespace {

CertificateSigningRequest approved() {
  CertificateSigningRequest csr;
  csr.name = "csr-1";
  csr.uid = "u-1";
  csr.resource_version = "42";
  csr.status.conditions = {
      {"Approved", "True", "AutoApproved", "by \"istiod\"", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"}};
  return csr;
}

// How each patch says which object it is for.
const std::string kIdentity = R"([{"op":"replace","path":"/metadata/uid","value":"u-1"},)"
                              R"({"op":"replace","path":"/metadata/resourceVersion","value":"42"},)";

TEST_CASE("A certificate is published for the very object it was made for") {
  CHECK(certificate_patch(approved(), "foo\n") ==
        kIdentity + R"({"op":"add","path":"/status/certificate","value":"Zm9vCg=="}])");
}

TEST_CASE("Failed is added to the conditions that are there, times kept") {
  CHECK(failed_patch(approved(), "SignerNotAllowed", "signet: no\n\xFF") ==
        kIdentity + R"({"op":"add","path":"/status/conditions","value":[)"
                    R"({"type":"Approved","status":"True","reason":"AutoApproved","message":"by \"istiod\"",)"
                    R"("lastUpdateTime":"2026-01-01T00:00:00Z","lastTransitionTime":"2026-01-02T00:00:00Z"},)"
                    R"({"type":"Failed","status":"True","reason":"SignerNotAllowed","message":"signet: no\n)"
                    "\xEF\xBF\xBD"
                    R"("}]}])");
}

TEST_CASE("Approved is added to the conditions that are there, for the very object that was judged") {
  CertificateSigningRequest csr = approved();
  csr.status.conditions = {{"Seen", "False", "R", "", "2026-01-01T00:00:00Z", ""}};
  CHECK(approval_patch(csr, "granted by rule \"foo\"") ==
        kIdentity +
            R"({"op":"add","path":"/status/conditions","value":[)"
            R"({"type":"Seen","status":"False","reason":"R","lastUpdateTime":"2026-01-01T00:00:00Z"},)"
            R"({"type":"Approved","status":"True","reason":"SignetPolicy","message":"granted by rule \"foo\""}]}])");
}

TEST_CASE("Failed may be the only condition") {
  CertificateSigningRequest csr = approved();
  csr.status.conditions.clear();
  CHECK(failed_patch(csr, "R", "") ==
        kIdentity +
            R"({"op":"add","path":"/status/conditions","value":[{"type":"Failed","status":"True","reason":"R"}]}])");
}

}  // namespace
}  // namespace signet
