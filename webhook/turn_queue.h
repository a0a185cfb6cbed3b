#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "webhook/client_address.h"

namespace signet {

// Connections that have something to do, in the order of their turns. Every second turn is the next address's, however
// many of its connections wait, so that a crowd of one address holds up nobody else; the turns between are for who has
// waited longest, so that a crowd of many addresses does not hold up one that asks for much.
class TurnQueue {
 public:
  using Id = std::uint64_t;

  // `id` must not wait already.
  void push(const ClientAddress& address, Id id);
  [[nodiscard]] std::optional<Id> pop();
  // Takes out one that waits.
  void remove(const ClientAddress& address, Id id);
  [[nodiscard]] bool empty() const { return by_arrival_.empty(); }

 private:
  struct Waiting {
    ClientAddress address;
    Id id = 0;
    friend bool operator==(const Waiting&, const Waiting&) = default;
  };

  std::deque<Waiting> by_arrival_;
  // The same ones; no deque is empty.
  std::map<ClientAddress, std::deque<Id>> by_address_;
  // Each address of by_address_ once, the one whose turn is next in front.
  std::deque<ClientAddress> next_;
  bool longest_waiting_next_ = false;
};

}  // namespace signet
