#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "signer/kube/objects.h"

namespace signet {

struct LeaseTiming {
  // A holder that has let this pass without a renewal that others could see may be replaced.
  std::chrono::seconds duration{4};
  // From the sending of its last renewal on, the holder trusts in it for so long: less than `duration`, so that it has
  // stopped before anybody else begins.
  std::chrono::milliseconds trusted{3000};
  std::chrono::milliseconds renew_every{1000};
  // How often others look, and after how long what failed is tried again.
  std::chrono::milliseconds look_every{500};
};

// Decides what one of several replicas asks of the API server to hold a Lease, which one of them has at a time: whoever
// finds it free, released, or not renewed for its duration, writes itself into it, under the condition that nobody else
// did. Times are of this process's own steady clock: the duration runs from when a change of the Lease was seen here,
// and never are two machines' clocks compared. Has no thread, clock or socket.
class LeaseElection {
 public:
  using Clock = std::chrono::steady_clock;
  using WallTime = std::chrono::system_clock::time_point;

  struct Step {
    enum class Kind {
      kWait,   // nothing, until `until`
      kLook,   // read the Lease, then seen() or failed()
      kWrite,  // write `lease`, then written() or failed()
    };
    Kind kind = Kind::kWait;
    Clock::time_point until;
    Lease lease;
  };

  // `identity` is no other replica's, nor that of any process before this one.
  LeaseElection(std::string lease_name, std::string identity, LeaseTiming timing = {});

  // `wall` is what the Lease tells people of the time. Who stands aside only looks.
  [[nodiscard]] Step next(Clock::time_point now, WallTime wall, bool stands_aside = false) const;

  // The Lease is as it was read; absent: there is none.
  void seen(std::optional<Lease> lease, Clock::time_point now);
  // What next() wanted to be written, or release(), was; `lease` is the answer. `sent` is when the writing began.
  void written(Lease lease, Clock::time_point sent);
  // A step was refused or got no answer: what the Lease is now is not known.
  void failed(Clock::time_point now);

  // We hold the Lease before this moment, and must not act as its holder from then on; long past if we never did.
  [[nodiscard]] Clock::time_point held_until() const { return held_until_; }

  // The Lease given back, to be written; absent when it is not ours as far as is known. From here on it is not held.
  [[nodiscard]] std::optional<Lease> release(WallTime wall);

 private:
  [[nodiscard]] bool is_ours() const { return lease_ && lease_->holder == identity_; }
  [[nodiscard]] Lease with_us(WallTime wall) const;

  const std::string lease_name_;
  const std::string identity_;
  const LeaseTiming timing_;
  bool is_known_ = false;                // lease_ is what was read or written last, and nothing has failed since
  std::optional<Lease> lease_;           // absent: there was none
  Clock::time_point unchanged_since_{};  // lease_ was first seen as it is, where it is another's
  Clock::time_point look_at_{};          // the next look
  Clock::time_point renew_at_{};         // the next renewal, where it is ours
  Clock::time_point held_until_{};
};

}  // namespace signet
