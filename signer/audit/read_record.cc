#include "signer/audit/read_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "signer/audit/audit_line.h"
#include "signer/audit/json_fields.h"
#include "signer/audit/recorded_request_json.h"
#include "signer/kube/json.h"

namespace signet {
namespace {

using Event = AuditRecord::Event;

constexpr std::array kEvents = {Event::kReview, Event::kIssued, Event::kPublished, Event::kDiscarded, Event::kRefused};

// Times are compared as texts, and shown.
constexpr std::size_t kMaxTimeBytes = 40;

std::string text_in(JsonFields& fields, std::string_view key, std::string_view inner) {
  const JsonView object = fields.object(key);
  if (object.get(inner).exists() && !object.get(inner).as_string()) fields.problem(key, "must have texts");
  return std::string(object.get(inner).as_string().value_or(""));
}

// Gives the facts what the rest of the record tells.
void complete(SigningRequest& facts, const AuditRecord& record) {
  facts.signer_name = record.signer_requested;
  facts.requester = record.requester;
  if (facts.pkcs10) {
    facts.pkcs10->key_name = record.key_type;
    facts.pkcs10->key_type = key_type_named(record.key_type);
  }
}

}  // namespace

tl::expected<ReadRecord, std::string> read_record(std::string_view line) {
  const auto document = JsonDocument::parse(line, kAuditLineLimits);
  if (!document) return tl::unexpected("not JSON: " + document.error());
  JsonFields fields(document->root(), "");
  ReadRecord read;
  read.event = fields.text("event").value_or("");
  if (read.event.empty()) {
    if (std::string error = fields.take_error(JsonFields::Others::kIgnored); !error.empty()) {
      return tl::unexpected(std::move(error));
    }
    return read;
  }
  read.time = fields.text("time").value_or("");
  if (read.time.empty() || read.time.size() > kMaxTimeBytes) fields.problem("time", "must be a time");
  const std::int64_t count = fields.integer("count").value_or(1);
  if (count < 1) fields.problem("count", "must be 1 or more");
  read.count = static_cast<std::uint64_t>(count);

  AuditRecord& record = read.record;
  const auto* const event = std::ranges::find(kEvents, read.event, [](Event known) { return to_string(known); });
  if (event != kEvents.end()) {
    record.event = *event;
    record.decision = fields.text("decision").value_or("");
    record.message = fields.text("message").value_or("");
    record.operation = fields.text("operation").value_or("");
    record.object = fields.text("object").value_or("");
    record.csr_name = text_in(fields, "csr", "name");
    record.csr_uid = text_in(fields, "csr", "uid");
    record.requester = fields.text("requester").value_or("");
    record.identity = fields.text("identity").value_or("");
    record.tenant = fields.text("tenant").value_or("");
    record.policy = fields.text("policy").value_or("");
    record.signer_requested = text_in(fields, "signer", "requested");
    record.signer_granted = text_in(fields, "signer", "granted");
    record.key_type = text_in(fields, "key", "type");
    if (fields.object("certificate").exists()) {
      record.certificate = AuditRecord::Certificate{.serial = text_in(fields, "certificate", "serial"),
                                                    .not_before = {},
                                                    .not_after = {},
                                                    .sha256 = text_in(fields, "certificate", "sha256")};
    }
    if (const JsonView request = fields.object("request"); request.exists()) {
      auto recorded = read_recorded_request(request);
      if (!recorded) return tl::unexpected(std::move(recorded.error()));
      complete(recorded->facts, record);
      record.request = *std::move(recorded);
    }
  }
  if (std::string error = fields.take_error(JsonFields::Others::kIgnored); !error.empty()) {
    return tl::unexpected(std::move(error));
  }
  return read;
}

}  // namespace signet
