#include "webhook/turn_queue.h"

#include <utility>

namespace signet {

void TurnQueue::push(const ClientAddress& address, Id id) {
  by_arrival_.push_back({address, id});
  std::deque<Id>& ids = by_address_[address];
  if (ids.empty()) {
    next_.push_back(address);
  }
  ids.push_back(id);
}

std::optional<TurnQueue::Id> TurnQueue::pop() {
  if (empty()) {
    return std::nullopt;
  }
  if (std::exchange(longest_waiting_next_, !longest_waiting_next_)) {
    const Waiting longest = by_arrival_.front();
    remove(longest.address, longest.id);
    return longest.id;
  }
  const ClientAddress address = next_.front();
  next_.pop_front();
  next_.push_back(address);
  const Id id = by_address_.at(address).front();
  remove(address, id);
  return id;
}

void TurnQueue::remove(const ClientAddress& address, Id id) {
  std::erase(by_arrival_, Waiting{address, id});
  const auto ids = by_address_.find(address);
  if (ids == by_address_.end()) {
    return;
  }
  std::erase(ids->second, id);
  if (ids->second.empty()) {
    by_address_.erase(ids);
    std::erase(next_, address);
  }
}

}  // namespace signet
