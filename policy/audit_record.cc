#include "policy/audit_record.h"

#include <vector>

#include "policy/utf8.h"

namespace signet {
namespace {

// What is left of a recorded request's room.
class Room {
 public:
  void take(std::string_view text) {
    bytes_ += text.size() + kRecordedTextCost;
    fits_ =
        fits_ && text.size() <= kMaxRecordedTextBytes && bytes_ <= kMaxRecordedRequestBytes && !find_invalid_utf8(text);
  }
  // Gives up where it is full, however long the list.
  void take_all(const std::vector<std::string>& texts) {
    for (auto text = texts.begin(); fits_ && text != texts.end(); ++text) {
      take(*text);
    }
  }
  [[nodiscard]] bool fits() const { return fits_; }

 private:
  std::size_t bytes_ = 0;
  bool fits_ = true;
};

bool fits(const SigningRequest& request, std::string_view name_space) {
  Room room;
  room.take(request.signer_name);
  room.take(request.requester);
  room.take(name_space);
  room.take_all(request.requester_groups);
  room.take_all(request.usages);
  room.take(request.annotated_duration.value_or(""));
  room.take(request.annotated_is_ca.value_or(""));
  if (!request.pkcs10) {
    room.take(request.pkcs10.error());
    return room.fits();
  }
  const Pkcs10Facts& facts = *request.pkcs10;
  room.take(facts.key_name);
  room.take_all(facts.subject);
  for (const SubjectAltName& name : facts.names) {
    room.take(name.value);
  }
  room.take_all(facts.usages);
  room.take_all(facts.other_extensions);
  return room.fits();
}

}  // namespace

RecordedRequest recorded_request(const SigningRequest& request, std::string_view name_space) {
  if (!fits(request, name_space)) {
    return {.clipped = true, .facts = {}, .name_space = {}};
  }
  RecordedRequest recorded{.clipped = false, .facts = request, .name_space = std::string(name_space)};
  recorded.facts.uid.clear();
  recorded.facts.name.clear();
  if (recorded.facts.pkcs10) {
    recorded.facts.pkcs10->spki.clear();
  }
  return recorded;
}

std::string_view to_string(AuditRecord::Event event) {
  switch (event) {
    case AuditRecord::Event::kReview:
      return "review";
    case AuditRecord::Event::kIssued:
      return "issued";
    case AuditRecord::Event::kPublished:
      return "published";
    case AuditRecord::Event::kDiscarded:
      return "discarded";
    case AuditRecord::Event::kRefused:
      return "refused";
  }
  return {};
}

AuditRecord audit_record(AuditRecord::Event event, const SigningRequest& request, const Decision& decision,
                         std::string_view policy_digest) {
  AuditRecord record;
  record.event = event;
  record.decision = to_string(decision.verdict);
  if (!decision.findings.empty()) {
    record.reason = to_string(decision.findings.front().reason);
    record.message = to_message(decision.findings);
  }
  record.csr_name = request.name;
  record.csr_uid = request.uid;
  record.requester = request.requester;
  record.identity = decision.identity;
  record.tenant = decision.tenant;
  record.signer_requested = request.signer_name;
  if (!decision.denied() && decision.verdict != Decision::Verdict::kNotOurs) {
    record.signer_granted = request.signer_name;
  }
  record.rule = decision.rule;
  record.policy = policy_digest;
  if (request.pkcs10) {
    record.key_type = request.pkcs10->key_name;
    record.key_spki = request.pkcs10->spki;
  }
  record.request = recorded_request(request);
  return record;
}

}  // namespace signet
