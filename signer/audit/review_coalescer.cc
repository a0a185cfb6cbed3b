#include "signer/audit/review_coalescer.h"

#include <algorithm>
#include <utility>

#include "signer/audit/audit_line.h"
#include "signer/audit/recorded_request_json.h"
#include "signer/csr/sha256.h"

namespace signet {
namespace {

// What is remembered of a review until its count is told: nothing long.
AuditRecord shortened(AuditRecord record) {
  for (std::string* const text :
       {&record.decision, &record.reason, &record.message, &record.request_uid, &record.operation, &record.object,
        &record.csr_name, &record.csr_uid, &record.requester, &record.identity, &record.tenant,
        &record.signer_requested, &record.signer_granted, &record.rule, &record.policy, &record.key_type}) {
    if (text->size() > kMaxAuditTextBytes) *text = clip_audit_text(*text);
  }
  return record;
}

}  // namespace

// Few bytes, whatever the record holds.
std::string ReviewCoalescer::key_of(const AuditRecord& record) {
  // What decided them: one line must not stand for reviews that another policy would tell apart.
  const std::string request = record.request ? to_json(*record.request) : std::string();
  std::string text;
  for (const std::string_view part :
       {to_string(record.event), std::string_view(record.decision), std::string_view(record.reason),
        std::string_view(record.requester), std::string_view(record.signer_requested),
        std::string_view(record.identity), std::string_view(record.tenant), std::string_view(record.object),
        std::string_view(record.operation), std::string_view(record.key_type), std::string_view(request),
        std::string_view(record.policy), std::string_view(record.dry_run ? "dry" : "")}) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return sha256_hex(text);
}

bool ReviewCoalescer::spend_token(Time now) {
  if (refilled_) {
    const std::chrono::duration<double> passed = now - *refilled_;
    tokens_ = std::min(static_cast<double>(limits_.burst), tokens_ + passed.count() * limits_.per_second);
  }
  refilled_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void ReviewCoalescer::drop(std::uint64_t count) {
  dropped_ += count;
  untold_ += count;
}

void ReviewCoalescer::put_back(const Line& line) {
  if (line.tells_of_dropped) {
    untold_ += line.reviews;
  } else {
    drop(line.reviews);
  }
}

void ReviewCoalescer::tell(const AuditRecord& record, std::uint64_t count, Time now) {
  if (waiting_.size() >= limits_.max_waiting || !spend_token(now)) {
    drop(count);
    return;
  }
  waiting_.push_back({audit_members(record, count), count, false});
}

void ReviewCoalescer::offer(std::string key, const AuditRecord& record, Time now) {
  if (const auto found = remembered_.find(key); found != remembered_.end()) {
    ++found->second.repeats;
    return;
  }
  tell(record, 1, now);
  if (remembered_.size() >= limits_.max_remembered) return;
  remembered_.emplace(key, Remembered{shortened(record), 0});
  expiries_.push_back({now + limits_.interval, std::move(key)});
}

std::vector<ReviewCoalescer::Line> ReviewCoalescer::take(Time now, bool all) {
  while (!expiries_.empty() && (all || expiries_.front().at <= now)) {
    const auto found = remembered_.find(expiries_.front().key);
    if (found->second.repeats > 0) tell(found->second.first, found->second.repeats, now);
    remembered_.erase(found);
    expiries_.pop_front();
  }
  std::vector<Line> lines(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  if (untold_ > 0 && (all || !dropped_told_ || now - *dropped_told_ >= limits_.interval)) {
    lines.push_back({dropped_members(untold_), untold_, true});
    untold_ = 0;
    dropped_told_ = now;
  }
  return lines;
}

std::optional<ReviewCoalescer::Time> ReviewCoalescer::next() const {
  if (!waiting_.empty() || (untold_ > 0 && !dropped_told_)) return Time::min();
  std::optional<Time> soonest;
  if (!expiries_.empty()) soonest = expiries_.front().at;
  if (untold_ > 0) soonest = std::min(soonest.value_or(Time::max()), *dropped_told_ + limits_.interval);
  return soonest;
}

}  // namespace signet
