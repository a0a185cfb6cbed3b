#include "signer/kube/lease_election.h"

#include <algorithm>
#include <utility>

#include "signer/kube/rfc3339.h"

namespace signet {
namespace {

// Whether nobody has renewed, taken or given back the Lease between one reading and another. Its version does not tell:
// whoever labels the Lease changes that.
bool tell_the_same(const std::optional<Lease>& before, const std::optional<Lease>& after) {
  if (!before || !after) return !before && !after;
  Lease same_version = *after;
  same_version.resource_version = before->resource_version;
  return same_version == *before;
}

}  // namespace

LeaseElection::LeaseElection(std::string lease_name, std::string identity, LeaseTiming timing)
    : lease_name_(std::move(lease_name)), identity_(std::move(identity)), timing_(timing) {}

LeaseElection::Step LeaseElection::next(Clock::time_point now, WallTime wall, bool stands_aside) const {
  const auto wait = [](Clock::time_point until) { return Step{Step::Kind::kWait, until, {}}; };
  const auto write = [&] { return Step{Step::Kind::kWrite, {}, with_us(wall)}; };
  const Step look{Step::Kind::kLook, {}, {}};
  if (!is_known_ || stands_aside) return now < look_at_ ? wait(look_at_) : look;
  if (is_ours()) return now < renew_at_ ? wait(renew_at_) : write();
  const bool is_free = !lease_ || lease_->holder.empty();
  const Clock::time_point expiry = unchanged_since_ + timing_.duration;
  if (is_free || now >= expiry) return write();
  return now < look_at_ ? wait(std::min(look_at_, expiry)) : look;
}

Lease LeaseElection::with_us(WallTime wall) const {
  Lease lease = lease_.value_or(Lease{});
  const std::string time = to_rfc3339(wall);
  if (!is_ours()) {
    lease.acquire_time = time;
    lease.transitions = lease_ ? lease_->transitions.value_or(0) + 1 : 0;
  }
  lease.name = lease_name_;
  lease.holder = identity_;
  lease.duration_seconds = static_cast<std::int32_t>(timing_.duration.count());
  lease.renew_time = time;
  return lease;
}

void LeaseElection::seen(std::optional<Lease> lease, Clock::time_point now) {
  if (!tell_the_same(lease_, lease)) unchanged_since_ = now;
  lease_ = std::move(lease);
  is_known_ = true;
  look_at_ = now + timing_.look_every;
  // Ours by a write that got no answer, or of which nobody made use since it ran out: it counts from its next renewal.
  renew_at_ = now;
}

void LeaseElection::written(Lease lease, Clock::time_point sent) {
  lease_ = std::move(lease);
  is_known_ = true;
  look_at_ = sent + timing_.look_every;
  renew_at_ = sent + timing_.renew_every;
  if (is_ours()) held_until_ = sent + timing_.trusted;
}

void LeaseElection::failed(Clock::time_point now) {
  is_known_ = false;
  look_at_ = now + timing_.look_every;
}

std::optional<Lease> LeaseElection::release(WallTime wall) {
  held_until_ = {};
  if (!is_known_ || !is_ours()) return std::nullopt;
  Lease lease = *lease_;
  lease.holder.clear();
  lease.renew_time = to_rfc3339(wall);
  return lease;
}

}  // namespace signet
