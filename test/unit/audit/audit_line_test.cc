#include "signer/audit/audit_line.h"

#include <catch2/catch.hpp>

#include "signer/csr/sha256.h"
#include "signer/kube/json.h"
#include "test/unit/audit/scratch.h"

using namespace signet;

TEST_CASE("a line carries what is known of the record and nothing that is empty") {
  AuditRecord record;
  record.event = AuditRecord::Event::kIssued;
  record.decision = "granted";
  record.csr_name = "csr-workload-1";
  record.csr_uid = "u-1";
  record.requester = "system:serviceaccount:istio-system:istiod";
  record.identity = "spiffe://cluster.local/ns/foo/sa/default";
  record.tenant = "foo";
  record.signer_requested = "example.org/foo";
  record.signer_granted = "example.org/foo";
  record.rule = "tenants[foo]";
  record.policy = "sha256:1";
  record.key_type = "ECDSA-P256";
  record.key_spki = "spki";
  const std::chrono::sys_seconds day = std::chrono::sys_days(std::chrono::February / 29 / 2028);
  record.certificate = AuditRecord::Certificate{"0a", day, day + std::chrono::seconds(86399), "ff"};
  record.duration = std::chrono::microseconds(42);

  CHECK(
      audit_members(record) ==
      R"("event":"issued","decision":"granted","csr":{"name":"csr-workload-1","uid":"u-1"},)"
      R"("requester":"system:serviceaccount:istio-system:istiod","identity":"spiffe://cluster.local/ns/foo/sa/default",)"
      R"("tenant":"foo","signer":{"requested":"example.org/foo","granted":"example.org/foo"},"rule":"tenants[foo]",)"
      R"("policy":"sha256:1","key":{"type":"ECDSA-P256",)"
      R"("spkiSha256":"6feecc8c16c5551d9feb3eb5f77e2da773bf68bd9ef9c52927ceb2c86e56892b"},)"
      R"("certificate":{"serial":"0a","notBefore":"2028-02-29T00:00:00Z","notAfter":"2028-02-29T23:59:59Z","sha256":"ff"},)"
      R"("durationUs":42)");
  CHECK(audit_members(AuditRecord{}) == R"("event":"review")");
  CHECK(audit_members(AuditRecord{}, 3) == R"("event":"review","count":3)");
}

TEST_CASE("a line's hash covers the line without its hash and is the next line's prev") {
  ChainHead head;
  const std::string first = seal_line(R"("event":"start")", test::fixed_clock()(), head);
  const std::string body =
      R"({"time":"2026-11-23T00:00:00.000001Z","seq":1,"event":"start","prev":")" + std::string(64, '0') + R"("})";
  CHECK(first == body.substr(0, body.size() - 1) + R"(,"hash":")" + sha256_hex(body) + "\"}\n");
  CHECK(head == ChainHead{1, sha256_hex(body)});

  const std::string second = seal_line(audit_members(test::issued("a")), test::fixed_clock()(), head);
  const auto read = read_line(second.substr(0, second.size() - 1));
  REQUIRE(read);
  CHECK(read->seq == 2);
  CHECK(read->event == "issued");
  CHECK(read->prev == sha256_hex(body));
  CHECK(read->hash == head.hash);
}

TEST_CASE("whatever a record's texts hold, its line is one line of bounded JSON that reads back") {
  const std::string hostile =
      GENERATE(std::string("a\nb\r\"\\\t\x01\x7f"), std::string("\xff\xfe\xc3"), std::string(1'000'000, '\x01'),
               std::string(1'000'000, '\xff'), std::string("nul\0nul", 7), std::string("\xe2\x80\xa8 line separator"),
               std::string(kMaxAuditTextBytes - 10, 'a') + std::string(1000, '\xc3'));
  AuditRecord record;
  for (std::string* const text :
       {&record.decision, &record.reason, &record.message, &record.request_uid, &record.operation, &record.object,
        &record.csr_name, &record.csr_uid, &record.requester, &record.identity, &record.tenant,
        &record.signer_requested, &record.signer_granted, &record.rule, &record.policy, &record.key_type}) {
    *text = hostile;
  }
  ChainHead head;
  const std::string line = seal_line(audit_members(record), test::fixed_clock()(), head);
  CHECK(line.size() <= kMaxAuditLineBytes);
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(read_line(line.substr(0, line.size() - 1)));
}

TEST_CASE("a long text is cut at the beginning of a character and says how long it was") {
  CHECK(clip_audit_text(std::string(kMaxAuditTextBytes, 'a')) == std::string(kMaxAuditTextBytes, 'a'));
  std::string text;
  while (text.size() <= kMaxAuditTextBytes) text += "\xe2\x82\xac";
  const std::string clipped = clip_audit_text(text);
  CHECK(clipped.size() <= kMaxAuditTextBytes);
  const std::size_t note = clipped.find("... (");
  CHECK(note % 3 == 0);
  CHECK(clipped.substr(note) == "... (" + std::to_string(text.size()) + " bytes)");
}

TEST_CASE("a line that was changed in any byte does not read") {
  ChainHead head;
  std::string line = seal_line(audit_members(test::issued("a")), test::fixed_clock()(), head);
  line.pop_back();
  REQUIRE(read_line(line));
  for (std::size_t i = 0; i < line.size(); ++i) {
    std::string changed = line;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    INFO("byte " << i);
    CHECK_FALSE(read_line(changed));
  }
}
