#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "webhook/client_address.h"

namespace signet {

// Connections that have something to do, in the order of their turns: every address has one before any has its second,
// however many of its connections wait, and those of one address take turns among themselves.
class TurnQueue {
 public:
  using Id = std::uint64_t;

  // `id` must not wait already.
  void push(const ClientAddress& address, Id id);
  [[nodiscard]] std::optional<Id> pop();
  // Takes out one that waits.
  void remove(const ClientAddress& address, Id id);
  [[nodiscard]] bool empty() const { return next_.empty(); }

 private:
  // None of them empty.
  std::map<ClientAddress, std::deque<Id>> waiting_;
  // Each address of waiting_ once.
  std::deque<ClientAddress> next_;
};

}  // namespace signet
