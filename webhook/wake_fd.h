#pragma once

#include <sys/eventfd.h>

#include "webhook/unique_fd.h"

namespace signet {

// A descriptor that another thread makes readable (eventfd(2)).
class WakeFd {
 public:
  WakeFd() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  // False when the process had no descriptor left.
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(fd_); }
  [[nodiscard]] int get() const { return fd_.get(); }
  // From any thread. Cannot fail: the counter would have to overflow 2^64.
  void wake() const { (void)::eventfd_write(fd_.get(), 1); }
  void clear() const {
    eventfd_t count = 0;
    (void)::eventfd_read(fd_.get(), &count);
  }

 private:
  UniqueFd fd_;
};

}  // namespace signet
