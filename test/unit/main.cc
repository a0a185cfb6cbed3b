#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#ifdef __SANITIZE_THREAD__
// The sanitizer has not seen the library's code: not that its static regular expressions are guarded while they are
// made, though what matches them is a template, compiled here and watched. Nothing that is tested has one of its own.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::__detail::_CharMatcher\n"
         "race:std::__detail::_BracketMatcher\n"
         "race:std::__detail::_AnyMatcher\n";
}
#endif
