#include "webhook/turn_queue.h"

namespace signet {

void TurnQueue::push(const ClientAddress& address, Id id) {
  std::deque<Id>& ids = waiting_[address];
  if (ids.empty()) {
    next_.push_back(address);
  }
  ids.push_back(id);
}

std::optional<TurnQueue::Id> TurnQueue::pop() {
  if (next_.empty()) {
    return std::nullopt;
  }
  const ClientAddress address = next_.front();
  next_.pop_front();
  const auto ids = waiting_.find(address);
  const Id id = ids->second.front();
  ids->second.pop_front();
  if (ids->second.empty()) {
    waiting_.erase(ids);
  } else {
    next_.push_back(address);
  }
  return id;
}

void TurnQueue::remove(const ClientAddress& address, Id id) {
  const auto ids = waiting_.find(address);
  if (ids == waiting_.end()) {
    return;
  }
  std::erase(ids->second, id);
  if (ids->second.empty()) {
    waiting_.erase(ids);
    std::erase(next_, address);
  }
}

}  // namespace signet
