#pragma once

#include <cstdio>
#include <cstdlib>

namespace signet::fuzz {

// Ends the process, and so the hunt, where what is promised is not so.
inline void expect(bool condition, const char* promise) {
  if (!condition) {
    std::fprintf(stderr, "not so: %s\n", promise);
    std::abort();
  }
}

}  // namespace signet::fuzz
