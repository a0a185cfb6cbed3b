#include "tools/signet/process_privacy.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>
#include <system_error>

namespace signet {
namespace {

tl::expected<void, std::string> check(const char* what, int result) {
  if (result == 0) return {};
  return tl::unexpected(std::string(what) + ": " + std::generic_category().message(errno));
}

}  // namespace

tl::expected<void, std::string> keep_memory_private() {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  if (auto limited = check("core dumps cannot be turned off", ::setrlimit(RLIMIT_CORE, &none)); !limited) {
    return limited;
  }
#ifndef SIGNET_SANITIZED
  // And where the kernel pipes a dump to a program, which no limit keeps it from.
  return check("memory cannot be kept from other processes", ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
#else
  return {};
#endif
}

}  // namespace signet
