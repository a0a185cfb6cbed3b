#include "signer/audit/audit_line.h"

#include "signer/audit/recorded_request_json.h"
#include "signer/csr/sha256.h"
#include "signer/kube/json.h"
#include "signer/kube/json_writer.h"
#include "signer/kube/rfc3339.h"

namespace signet {
namespace {

constexpr std::string_view kHashKey = R"(,"hash":")";
constexpr std::size_t kHashDigits = 64;

void add(JsonWriter& json, std::string_view key, std::string_view text) {
  if (!text.empty()) json.key(key).string(clip_audit_text(text));
}

void add_pair(JsonWriter& json, std::string_view key, std::string_view first_key, std::string_view first,
              std::string_view second_key, std::string_view second) {
  if (first.empty() && second.empty()) return;
  json.key(key).begin_object();
  add(json, first_key, first);
  add(json, second_key, second);
  json.end_object();
}

// The members of one object without its braces.
std::string without_braces(JsonWriter& json) {
  const std::string object = json.end_object().take();
  return object.substr(1, object.size() - 2);
}

bool is_hash(std::string_view text) {
  return text.size() == kHashDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What became of a certificate is told behind the record of its issuing, which has the request.
bool tells_request(AuditRecord::Event event) {
  return event != AuditRecord::Event::kPublished && event != AuditRecord::Event::kDiscarded;
}

std::optional<TornTail> read_torn(JsonView torn) {
  const std::optional<std::int64_t> bytes = torn.get("bytes").as_int64();
  const std::optional<std::string_view> sha256 = torn.get("sha256").as_string();
  if (!bytes || *bytes < 0 || !sha256) return std::nullopt;
  return TornTail{static_cast<std::size_t>(*bytes), std::string(*sha256)};
}

}  // namespace

std::string clip_audit_text(std::string_view text) {
  if (text.size() <= kMaxAuditTextBytes) return std::string(text);
  std::string note = "... (" + std::to_string(text.size()) + " bytes)";
  std::size_t end = kMaxAuditTextBytes - note.size();
  // Not inside a UTF-8 sequence: back to where one begins.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + note;
}

std::string audit_members(const AuditRecord& record, std::uint64_t count) {
  JsonWriter json;
  json.begin_object();
  add(json, "event", to_string(record.event));
  if (count != 1) json.key("count").integer(static_cast<std::int64_t>(count));
  add(json, "decision", record.decision);
  add(json, "reason", record.reason);
  add(json, "message", record.message);
  add(json, "requestUid", record.request_uid);
  if (record.dry_run) json.key("dryRun").boolean(true);
  add(json, "operation", record.operation);
  add(json, "object", record.object);
  add_pair(json, "csr", "name", record.csr_name, "uid", record.csr_uid);
  add(json, "requester", record.requester);
  add(json, "identity", record.identity);
  add(json, "tenant", record.tenant);
  add_pair(json, "signer", "requested", record.signer_requested, "granted", record.signer_granted);
  add(json, "rule", record.rule);
  add(json, "policy", record.policy);
  add_pair(json, "key", "type", record.key_type, "spkiSha256",
           record.key_spki.empty() ? std::string() : sha256_hex(record.key_spki));
  if (record.request && tells_request(record.event)) json.key("request").raw(to_json(*record.request));
  if (record.certificate) {
    json.key("certificate").begin_object();
    add(json, "serial", record.certificate->serial);
    add(json, "notBefore", to_rfc3339(record.certificate->not_before));
    add(json, "notAfter", to_rfc3339(record.certificate->not_after));
    add(json, "sha256", record.certificate->sha256);
    json.end_object();
  }
  if (record.duration) json.key("durationUs").integer(record.duration->count());
  return without_braces(json);
}

std::string start_members(AuditStream stream, const std::optional<TornTail>& torn) {
  JsonWriter json;
  json.begin_object().key("event").string("start");
  json.key("log").string(stream == AuditStream::kIssuance ? "issuance" : "reviews");
  if (torn) {
    json.key("message").string("what stands before this line was written only in part");
    json.key("torn").begin_object();
    json.key("bytes").integer(static_cast<std::int64_t>(torn->bytes)).key("sha256").string(torn->sha256);
    json.end_object();
  }
  return without_braces(json);
}

std::string dropped_members(std::uint64_t count) {
  JsonWriter json;
  json.begin_object().key("event").string("dropped").key("count").integer(static_cast<std::int64_t>(count));
  return without_braces(json);
}

std::string seal_line(std::string_view members, std::chrono::system_clock::time_point time, ChainHead& head) {
  std::string line = R"({"time":")" + to_rfc3339(time) + R"(","seq":)" + std::to_string(head.seq + 1) + ',';
  line += members;
  line += R"(,"prev":")" + head.hash + R"("})";
  head = {head.seq + 1, sha256_hex(line)};
  line.pop_back();
  line += kHashKey;
  line += head.hash;
  line += "\"}\n";
  return line;
}

tl::expected<SealedLine, std::string> read_line(std::string_view line) {
  const std::size_t suffix = kHashKey.size() + kHashDigits + 2;
  if (line.size() > kMaxAuditLineBytes) return tl::unexpected<std::string>("longer than any audit record");
  if (line.size() < suffix || line.substr(line.size() - suffix, kHashKey.size()) != kHashKey) {
    return tl::unexpected<std::string>("does not end in a hash");
  }
  const std::string body = std::string(line.substr(0, line.size() - suffix)) + '}';
  SealedLine sealed;
  sealed.hash = line.substr(line.size() - kHashDigits - 2, kHashDigits);
  if (sha256_hex(body) != sealed.hash) return tl::unexpected<std::string>("its hash is not that of its content");

  const auto document = JsonDocument::parse(line, kAuditLineLimits);
  if (!document) return tl::unexpected<std::string>("not JSON: " + document.error());
  const JsonView root = document->root();
  const std::optional<std::int64_t> seq = root.get("seq").as_int64();
  const std::optional<std::string_view> event = root.get("event").as_string();
  const std::optional<std::string_view> prev = root.get("prev").as_string();
  if (!seq || *seq < 1 || !event || !prev || !is_hash(*prev)) {
    return tl::unexpected<std::string>("has no proper seq, event and prev");
  }
  sealed.seq = static_cast<std::uint64_t>(*seq);
  sealed.event = *event;
  sealed.prev = *prev;
  sealed.torn = read_torn(root.get("torn"));
  return sealed;
}

}  // namespace signet
