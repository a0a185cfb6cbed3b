#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/audit_record.h"

namespace signet {

/// Which reviews are told, and when. Any pod can have as many reviews answered as it likes: what they may cost is
/// bounded here, in memory and in lines a second. No threads and no clock: `now` never goes back.
class ReviewCoalescer {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Limits {
    /// A review like one told less than this ago is counted, and the count told when this has passed.
    std::chrono::seconds interval{10};
    /// Lines: so many at once, and so many a second for ever.
    std::uint32_t burst = 500;
    std::uint32_t per_second = 50;
    /// Lines that wait to be taken, and different reviews that are remembered.
    std::size_t max_waiting = 1000;
    std::size_t max_remembered = 1000;
  };

  explicit ReviewCoalescer(Limits limits) : limits_(limits), tokens_(limits.burst) {}

  /// Alike are reviews with the same event, operation, decision, reason, object, requester, signer asked for, identity,
  /// tenant, key type, request, policy and dryRun.
  void offer(const AuditRecord& record, Time now) { offer(key_of(record), record, now); }

  /// The same in two steps, for who holds no lock for the first: it costs most.
  [[nodiscard]] static std::string key_of(const AuditRecord& record);
  void offer(std::string key, const AuditRecord& record, Time now);

  struct Line {
    std::string members;        ///< audit_line.h
    std::uint64_t reviews = 1;  ///< so many does it tell of
    bool tells_of_dropped = false;
  };

  /// The lines that are due, oldest first; with `all`, the counts that are not yet due too.
  [[nodiscard]] std::vector<Line> take(Time now, bool all);

  /// A line that was taken could not be written: what it told of is dropped, or still to be told.
  void put_back(const Line& line);

  /// When take() should be called next, if nothing else is offered.
  [[nodiscard]] std::optional<Time> next() const;

  /// Reviews that no line tells of.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  struct Remembered {
    AuditRecord first;
    std::uint64_t repeats = 0;  ///< since it was last told
  };
  struct Expiry {
    Time at;
    std::string key;
  };

  [[nodiscard]] bool spend_token(Time now);
  void drop(std::uint64_t count);
  /// `count` reviews in one line.
  void tell(const AuditRecord& record, std::uint64_t count, Time now);

  Limits limits_;
  std::deque<Line> waiting_;
  std::unordered_map<std::string, Remembered> remembered_;
  std::deque<Expiry> expiries_;  ///< one for each in remembered_, soonest first
  double tokens_;
  std::optional<Time> refilled_;
  std::uint64_t dropped_ = 0;
  std::uint64_t untold_ = 0;  ///< part of dropped_ that no line has told of
  std::optional<Time> dropped_told_;
};

}  // namespace signet
