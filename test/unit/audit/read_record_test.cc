#include "signer/audit/read_record.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <set>

#include "policy/policy.h"
#include "policy/policy_loader.h"
#include "signer/audit/recorded_request_json.h"
#include "signer/csr/pkcs10.h"
#include "test/unit/audit/scratch.h"

using namespace signet;

namespace {

using Type = SubjectAltName::Type;

Policy fixture_policy() {
  return Policy(load_policy(test::read_file(SIGNET_TESTDATA "/policy.yaml"), "policy.yaml").value(), "digest");
}

// What istiod asks for on behalf of service account app in foo.
SigningRequest workload_request() {
  return {.uid = "uid-1",
          .name = "csr-workload-1",
          .signer_name = "clusterissuers.cert-manager.io/foo",
          .requester = "system:serviceaccount:istio-system:istiod",
          .requester_groups = {"system:serviceaccounts", "system:serviceaccounts:istio-system"},
          .usages = {"digital signature", "key encipherment", "server auth", "client auth"},
          .expiration_seconds = 86400,
          .annotated_duration = std::nullopt,
          .annotated_is_ca = std::nullopt,
          .pkcs10 = Pkcs10Facts{.key_type = KeyType::kEcdsaP256,
                                .key_name = "ECDSA-P256",
                                .spki = "spki",
                                .signature = Pkcs10Facts::Signature::kVerified,
                                .subject_alt_name_extensions = 1,
                                .names = {{Type::kUri, "spiffe://cluster.local/ns/foo/sa/app"}},
                                .ca_requested = false,
                                .usages = {},
                                .other_extensions = {}}};
}

std::string line_of(const AuditRecord& record) {
  ChainHead head;
  std::string line = seal_line(audit_members(record), test::fixed_clock()(), head);
  line.pop_back();
  return line;
}

// What the line of a decision on `request` tells of it.
RecordedRequest reread(const SigningRequest& request, const Policy& policy) {
  const std::string line = line_of(audit_record(AuditRecord::Event::kRefused, request,
                                                policy.evaluate(request, KnownNamespaces()), policy.digest()));
  INFO(line);
  CHECK(line.size() <= kMaxAuditLineBytes);
  CHECK(read_line(line));
  const auto read = read_record(line);
  REQUIRE(read);
  CHECK(read->event == "refused");
  CHECK(read->time == "2026-11-23T00:00:00.000001Z");
  REQUIRE(read->record.request);
  return *read->record.request;
}

// The same of one that is kept: it is decided as it was.
Decision redecided(const SigningRequest& request, const Policy& policy) {
  const RecordedRequest recorded = reread(request, policy);
  CHECK_FALSE(recorded.clipped);
  CHECK(to_json(recorded) == to_json(recorded_request(request)));
  CHECK(recorded.facts.signer_name == request.signer_name);
  CHECK(recorded.facts.requester == request.requester);
  const Decision decision = policy.evaluate(request, KnownNamespaces());
  Decision again = policy.evaluate(recorded.facts, KnownNamespaces());
  CHECK(again.verdict == decision.verdict);
  CHECK(to_message(again.findings) == to_message(decision.findings));
  CHECK(again.identity == decision.identity);
  CHECK(again.tenant == decision.tenant);
  if (decision.grant) {
    CHECK(again.grant->terms().lifetime == decision.grant->terms().lifetime);
    CHECK(again.grant->terms().names == decision.grant->terms().names);
    CHECK(again.grant->terms().usages == decision.grant->terms().usages);
    CHECK(again.grant->terms().key_type == decision.grant->terms().key_type);
  }
  return again;
}

struct Change {
  std::string name;
  std::function<void(SigningRequest&)> make;
};

}  // namespace

TEST_CASE("a decision is taken again from its record, whatever it found") {
  const Policy policy = fixture_policy();
  const auto facts = [](auto change) { return [change](SigningRequest& request) { change(*request.pkcs10); }; };
  const std::vector<Change> changes = {
      {"granted", [](auto&) {}},
      {"not ours", [](auto& r) { r.signer_name = "example.org/foo"; }},
      {"not a PKCS#10", [](auto& r) { r.pkcs10 = tl::unexpected<std::string>("no \"PEM\"\n"); }},
      {"a signature that fails", facts([](auto& f) { f.signature = Pkcs10Facts::Signature::kFailed; })},
      {"a key that none can allow", facts([](auto& f) {
         f.key_type = std::nullopt;
         f.key_name = "RSA-1024";
         f.signature = Pkcs10Facts::Signature::kNotChecked;
       })},
      {"somebody else", [](auto& r) { r.requester = "alice"; }},
      {"the account itself",
       [](auto& r) {
         r.requester = "system:serviceaccount:foo:app";
         r.requester_groups = {"system:serviceaccounts:foo"};
       }},
      {"the account itself without its group", [](auto& r) { r.requester = "system:serviceaccount:foo:app"; }},
      {"an extension", facts([](auto& f) {
         f.other_extensions = {"1.2.3", "1.2.4"};
       })},
      {"a CA", facts([](auto& f) { f.ca_requested = true; })},
      {"a CA by annotation", [](auto& r) { r.annotated_is_ca = ""; }},
      {"no SAN", facts([](auto& f) {
         f.names.clear();
         f.subject_alt_name_extensions = 0;
       })},
      {"two SANs", facts([](auto& f) { f.subject_alt_name_extensions = 2; })},
      {"names of every type", facts([](auto& f) {
         f.names = {{Type::kUri, "spiffe://cluster.local/ns/foo/sa/app"},
                    {Type::kDns, "a"},
                    {Type::kIp, "10.0.0.1"},
                    {Type::kEmail, "a@b"},
                    {Type::kOther, "otherName 1.2.3"},
                    {Type::kDns, ""}};
       })},
      {"no SPIFFE ID", facts([](auto& f) { f.names[0].value = "https://foo"; })},
      {"nobody's namespace", facts([](auto& f) { f.names[0].value = "spiffe://cluster.local/ns/qux/sa/app"; })},
      {"another's signer", [](auto& r) { r.signer_name = "clusterissuers.cert-manager.io/bar"; }},
      {"a usage",
       [](auto& r) {
         r.usages = {"server auth", "content commitment"};
       }},
      {"a usage in the PKCS#10", facts([](auto& f) { f.usages = {"1.3.6.1.5.5.7.3.3"}; })},
      {"a usage twice",
       [](auto& r) {
         r.usages = {"server auth", "server auth"};
       }},
      {"no usage", [](auto& r) { r.usages.clear(); }},
      {"65 usages", [](auto& r) { r.usages.assign(65, "any"); }},
      {"no lifetime", [](auto& r) { r.expiration_seconds = std::nullopt; }},
      {"a negative lifetime", [](auto& r) { r.expiration_seconds = -1; }},
      {"an annotated lifetime", [](auto& r) { r.annotated_duration = "1h"; }},
      {"an annotated lifetime that is none", [](auto& r) { r.annotated_duration = ""; }},
      {"a service",
       [](auto& r) {
         r.signer_name = "clusterissuers.cert-manager.io/istio-system";
         r.pkcs10->names = {{Type::kDns, "istiod.istio-system.svc"}, {Type::kDns, "istio-pilot.istio-system.svc"}};
       }},
      {"another key", facts([](auto& f) {
         f.key_type = KeyType::kRsa4096;
         f.key_name = "RSA-4096";
       })},
      {"a hundred names", facts([](auto& f) {
         f.names.assign(100, {Type::kDns, "istiod.istio-system.svc.cluster.local"});
       })},
      {"a user of two hundred groups", [](auto& r) { r.requester_groups.assign(200, std::string(36, 'g')); }},
  };
  std::set<Reason> reasons;
  for (const Change& change : changes) {
    DYNAMIC_SECTION(change.name) {
      SigningRequest request = workload_request();
      change.make(request);
      redecided(request, policy);
    }
    SigningRequest request = workload_request();
    change.make(request);
    for (const Finding& finding : policy.evaluate(request, KnownNamespaces()).findings) reasons.insert(finding.reason);
  }
  // All that evaluate finds in a request; that its tenant is suspended is the policy's doing.
  CHECK(reasons.size() + 1 == static_cast<std::size_t>(std::ranges::count_if(kReasons, is_of_requests)));
}

TEST_CASE("every PKCS#10 of the test data is judged from its record as it was") {
  const Policy policy = fixture_policy();
  std::size_t judged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SIGNET_TESTDATA "/csr")) {
    if (entry.path().extension() != ".pem") continue;
    INFO(entry.path());
    SigningRequest request = workload_request();
    request.pkcs10 = parse_pkcs10(test::read_file(entry.path()));
    const RecordedRequest recorded = reread(request, policy);
    CHECK(to_json(recorded) == to_json(recorded_request(request)));
    redecided(request, policy);
    ++judged;
  }
  CHECK(judged > 30);
}

TEST_CASE("what another user of the API judges by is kept of a CertificateRequest") {
  SigningRequest request = workload_request();
  request.kind = SigningRequest::Kind::kCertificateRequest;
  request.annotated_is_ca = "false";
  request.pkcs10->subject = {"CN=foo", "O=\xc3\xa4"};
  AuditRecord record;
  record.request = recorded_request(request, "foo");
  const auto read = read_record(line_of(record));
  REQUIRE(read);
  const RecordedRequest& recorded = *read->record.request;
  CHECK(recorded.facts.kind == SigningRequest::Kind::kCertificateRequest);
  CHECK(recorded.facts.pkcs10->subject == request.pkcs10->subject);
  CHECK(recorded.name_space == "foo");
}

TEST_CASE("a request that is too long, or whose texts are no UTF-8, is marked and nothing of it is kept") {
  const Policy policy = fixture_policy();
  const std::string long_text(kMaxRecordedTextBytes + 1, 'a');
  const std::vector<Change> changes = {
      {"a long signer name", [&](auto& r) { r.signer_name = "clusterissuers.cert-manager.io/" + long_text; }},
      {"a long requester", [&](auto& r) { r.requester = long_text; }},
      {"a long group", [&](auto& r) { r.requester_groups.push_back(long_text); }},
      {"many groups", [](auto& r) { r.requester_groups.assign(1'000'000, "g"); }},
      {"many empty usages", [](auto& r) { r.usages.assign(1'000'000, ""); }},
      {"a long annotation", [&](auto& r) { r.annotated_duration = long_text; }},
      {"another", [&](auto& r) { r.annotated_is_ca = long_text; }},
      {"a long name", [&](auto& r) { r.pkcs10->names[0].value = long_text; }},
      {"long names together",
       [](auto& r) {
         r.pkcs10->names.assign(100, {Type::kDns, std::string(200, 'a')});
       }},
      {"a long subject", [&](auto& r) { r.pkcs10->subject = {long_text}; }},
      {"a subject that is no UTF-8", [](auto& r) { r.pkcs10->subject = {"CN=\xff"}; }},
      {"a long extension", [&](auto& r) { r.pkcs10->other_extensions = {long_text}; }},
      {"a long key type", [&](auto& r) { r.pkcs10->key_name = long_text; }},
      {"a long error", [&](auto& r) { r.pkcs10 = tl::unexpected(long_text); }},
  };
  for (const Change& change : changes) {
    DYNAMIC_SECTION(change.name) {
      SigningRequest request = workload_request();
      change.make(request);
      const RecordedRequest recorded = reread(request, policy);
      CHECK(recorded.clipped);
      CHECK(to_json(recorded) == R"({"clipped":true})");
      CHECK(to_json(recorded_request(request)) == to_json(recorded));
    }
  }
}

TEST_CASE("the longest request that is kept makes a line that reads") {
  SigningRequest request = workload_request();
  request.requester_groups.clear();
  request.pkcs10->names.clear();
  const char byte = GENERATE('\x01', 'a', '\0');
  const std::size_t size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{64}, kMaxRecordedTextBytes);
  while (!recorded_request(request).clipped) request.pkcs10->names.push_back({Type::kOther, std::string(size, byte)});
  request.pkcs10->names.pop_back();
  AuditRecord record;
  const std::string hostile(1'000'000, byte);
  for (std::string* const text :
       {&record.decision, &record.reason, &record.message, &record.request_uid, &record.operation, &record.object,
        &record.csr_name, &record.csr_uid, &record.requester, &record.identity, &record.tenant,
        &record.signer_requested, &record.signer_granted, &record.rule, &record.policy, &record.key_type}) {
    *text = hostile;
  }
  record.request = recorded_request(request, "foo");
  REQUIRE_FALSE(record.request->clipped);
  const std::string line = line_of(record);
  CHECK(line.size() <= kMaxAuditLineBytes);
  CHECK(read_line(line));
  CHECK(read_record(line));
}

TEST_CASE("what became of a certificate is told without its request") {
  AuditRecord record;
  record.request = recorded_request(workload_request());
  for (const auto event : {AuditRecord::Event::kPublished, AuditRecord::Event::kDiscarded}) {
    record.event = event;
    CHECK(audit_members(record).find("\"request\"") == std::string::npos);
  }
  record.event = AuditRecord::Event::kIssued;
  CHECK(audit_members(record).find(R"("request":{"groups":["system:serviceaccounts",)") != std::string::npos);
}

TEST_CASE("a line is read for what it tells, or refused with the place") {
  struct Row {
    std::string line;
    std::string expected;  // an error, or "event count"
  };
  const std::string time = R"("time":"2026-11-23T10:00:00Z",)";
  const std::string review = "{" + time + R"("event":"review")";
  const auto with = [&](const std::string& request) { return review + R"(,"request":)" + request + "}"; };
  const std::string pkcs10 = R"("pkcs10":{"signature":"verified")";
  const std::vector<Row> rows = {
      {review + "}", "review 1"},
      {review + R"(,"count":7,"invented":{"later":[1]}})", "review 7"},
      {"{" + time + R"("event":"dropped","count":3})", "dropped 3"},
      {"{" + time + R"("event":"start","log":"reviews"})", "start 1"},
      {R"({"time":"2026-11-23T10:00:00Z","level":"info","message":"what else a pod prints"})", " 1"},
      {"{}", " 1"},
      {"", "not JSON: byte 0: The document is empty."},
      {review, "not JSON: byte 47: Missing a comma or '}' after an object member."},
      {"[]", "it must be an object"},
      {"7", "it must be an object"},
      {R"({"event":7})", "event: must be a text"},
      {R"({"event":"review"})", "time: must be a time"},
      {R"({"event":"review","time":")" + std::string(41, '2') + "\"}", "time: must be a time"},
      {review + R"(,"count":0})", "count: must be 1 or more"},
      {review + R"(,"count":1.5})", "count: must be a whole number"},
      {review + R"(,"decision":null})", "decision: must be a text"},
      {review + R"(,"requester":["a"]})", "requester: must be a text"},
      {review + R"(,"signer":"foo"})", "signer: must be an object"},
      {review + R"(,"signer":{"requested":1}})", "signer: must have texts"},
      {review + R"(,"key":{"type":{}}})", "key: must have texts"},
      {review + R"(,"decision":"granted","decision":"denied"})", "not JSON: byte 69: the key \"decision\" is repeated"},
      {review + R"(,"x":)" + std::string(9, '[') + std::string(9, ']') + "}",
       "not JSON: byte 59: nested deeper than 8"},
      {review + ",\"x\":\"" + std::string(kMaxAuditLineBytes, 'x') + "\"}",
       "not JSON: byte " + std::to_string(kMaxAuditLineBytes) + ": the document is larger than " +
           std::to_string(kMaxAuditLineBytes) + " bytes"},
      {with("null"), "request: must be an object"},
      {with("{}"), "request.pkcs10: must be there, or malformed"},
      {with(R"({"malformed":"x",)" + pkcs10 + "}}"), "request.pkcs10: must be there, or malformed"},
      {with(R"({"malformed":"x"})"), "review 1"},
      {with(R"({"clipped":true})"), "review 1"},
      {with(R"({"clipped":"true"})"), "request.clipped: must be true or false"},
      {with("{" + pkcs10 + "}}"), "review 1"},
      {with("{" + pkcs10 + R"(},"approvedBy":"x"})"), "request.\"approvedBy\": is not known here"},
      {with("{" + pkcs10 + R"(,"serial":1}})"), "request.pkcs10.\"serial\": is not known here"},
      {with("{" + pkcs10 + R"(},"kind":"Certificate"})"), "request.kind: is not one that is known here"},
      {with("{" + pkcs10 + R"(},"groups":"a"})"), "request.groups: must be a list of texts"},
      {with("{" + pkcs10 + R"(},"usages":[1]})"), "request.usages: must be a list of texts"},
      {with("{" + pkcs10 + R"(},"expirationSeconds":"1h"})"), "request.expirationSeconds: must be a whole number"},
      {with(R"({"pkcs10":[]})"), "request.pkcs10: must be an object"},
      {with(R"({"pkcs10":{}})"), "request.pkcs10.signature: must be verified, failed or not checked"},
      {with("{" + pkcs10 + R"(,"nameExtensions":-1}})"), "request.pkcs10.nameExtensions: must be a small number"},
      {with("{" + pkcs10 + R"(,"names":{"uri":"a"}}})"), "request.pkcs10.names: must be a list"},
      {with("{" + pkcs10 + R"(,"names":["a"]}})"), "request.pkcs10.names: must be names, each of one known type"},
      {with("{" + pkcs10 + R"(,"names":[{"uri":"a","dns":"b"}]}})"),
       "request.pkcs10.names: must be names, each of one known type"},
      {with("{" + pkcs10 + R"(,"names":[{"urn":"a"}]}})"),
       "request.pkcs10.names: must be names, each of one known type"},
  };
  for (const Row& row : rows) {
    INFO(row.line.substr(0, 200));
    const auto read = read_record(row.line);
    CHECK((read ? read->event + " " + std::to_string(read->count) : read.error()) == row.expected);
  }
}
