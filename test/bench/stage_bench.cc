// What each stage of a review and of an issuance costs. Catch2's benchmarks: `signet_stage_bench "[!benchmark]"`.
#define CATCH_CONFIG_RUNNER
#define CATCH_CONFIG_ENABLE_BENCHMARKING
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "signer/audit/issuance_log.h"
#include "signer/csr/pkcs10.h"
#include "signer/csr/signing_request_of.h"
#include "signer/issue/certificate_authority.h"
#include "signer/issue/self_signed_ca.h"
#include "signer/kube/csr_status_patch.h"
#include "signer/trust/certificate_check.h"
#include "test/unit/issue/issue_fixture.h"
#include "test/unit/trust/certificate_maker.h"
#include "webhook/admission_review.h"
#include "webhook/reviewer.h"

namespace signet {
namespace {

using test::kNow;

std::string text_of(const std::string& review) {
  std::ifstream file(SIGNET_TESTDATA "/reviews/" + review + ".json", std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A signer's CA with a key of that kind.
CertificateAuthority authority_of(const std::string& signer, const std::string& key) {
  const test::Issued root = test::make_certificate(test::ca_spec(signer + " root"), nullptr, key);
  auto chain = std::make_shared<const IssuerChain>(IssuerChain::parse(root.pem(), "").value());
  return CertificateAuthority::create(signer, chain, CaKey::parse(test::private_pem(*root.key)).value()).value();
}

TEST_CASE("the stages of a review", "[!benchmark]") {
  const KnownNamespaces namespaces;
  for (const std::string name : {"workload-ecdsa", "workload-rsa"}) {
    const std::string body = text_of(name);
    const JsonDocument document = JsonDocument::parse(body).value();
    const AdmissionRequest request = AdmissionRequest::decode(document.root()).value();
    const auto csr = CertificateSigningRequest::decode(request.object).value();
    const SigningRequest facts = signing_request_of(csr, request.user);
    const ReviewContext context{
        .policy = test::fixture_policy(), .namespaces = namespaces, .issuers = nullptr, .self = {}, .now = kNow};
    REQUIRE(review(ReviewKind::kValidate, body, context)->allowed);

    BENCHMARK("JSON of the review, " + name) { return JsonDocument::parse(body); };
    BENCHMARK("AdmissionReview and request, " + name) {
      const auto decoded = AdmissionRequest::decode(document.root());
      return CertificateSigningRequest::decode(decoded->object);
    };
    BENCHMARK("PKCS#10, signature verified, " + name) { return parse_pkcs10(csr.spec.request); };
    BENCHMARK("decision, " + name) { return test::fixture_policy().evaluate(facts, namespaces); };
    BENCHMARK("a whole review, " + name) { return review(ReviewKind::kValidate, body, context); };
  }
}

TEST_CASE("the stages of an issuance", "[!benchmark]") {
  const CertificateSigningRequest csr = test::fixture_request("workload-ecdsa");
  const std::string signer = test::grant_for(csr).terms().signer;
  for (const std::string key : {"P-256", "RSA-2048"}) {
    const CertificateAuthority authority = authority_of(signer, key);
    const IssuedCertificate issued = authority.issue(test::grant_for(csr), kNow).value();
    const Grant granted = test::grant_for(csr);

    BENCHMARK_ADVANCED("built, signed and checked, CA of " + key)(Catch::Benchmark::Chronometer meter) {
      std::vector<Grant> grants;
      for (int i = 0; i < meter.runs(); ++i) grants.push_back(test::grant_for(csr));
      meter.measure([&](int i) { return authority.issue(std::move(grants[static_cast<std::size_t>(i)]), kNow); });
    };
    BENCHMARK("of that, checked, CA of " + key) {
      return check_certificate(granted.terms(), issued.chain_pem, authority.chain(), kNow);
    };
    BENCHMARK("status patch, CA of " + key) { return certificate_patch(csr, issued.chain_pem); };
  }

  const SigningRequest facts = signing_request_of(csr);
  const AuditRecord record = audit_record(AuditRecord::Event::kIssued, facts,
                                          test::fixture_policy().evaluate(facts, KnownNamespaces()), "digest");
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "signet-stage-bench.jsonl";
  std::filesystem::remove(path);
  {
    const auto log = IssuanceLog::open(path, std::chrono::system_clock::now).value();
    BENCHMARK("a durable audit record") { return log->append(record); };
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace signet

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
