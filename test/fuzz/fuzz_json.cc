// JSON that is taken is within its bounds and is read alike when it is written again; whatever is taken from strangers
// is read alike as something that the API server relays, where more is taken.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "policy/utf8.h"
#include "signer/kube/json.h"
#include "test/fuzz/expect.h"

namespace {

using namespace signet;
using fuzz::expect;

// Small, so that they are met.
constexpr JsonLimits kLimits{.max_bytes = 2048, .max_depth = 16, .max_values = 64};

std::string text_of(const JsonDocument& document) {
  std::string text;
  document.root().append_to(text);
  return text;
}

bool is_container(JsonView value) { return value.is_object() || value.is_array(); }

struct Found {
  std::size_t values = 0;
  // Of a number that is no integer the last digits may be lost each time that it is written.
  bool is_exact = true;
};

void look_into(JsonView value, std::size_t depth, bool strict, Found& found) {
  depth += is_container(value) ? 1 : 0;
  expect(depth <= kLimits.max_depth, "a document is only so deep");
  expect(++found.values <= kLimits.max_values, "a document has only so many values");
  expect(!find_invalid_utf8(value.as_string().value_or("")), "a text is UTF-8");
  found.is_exact = found.is_exact &&
                   (is_container(value) || value.is_null() || value.as_string() || value.as_bool() || value.as_int64());
  std::set<std::string_view> keys;
  for (const auto& [key, member] : value.members()) {
    expect(!find_invalid_utf8(key), "a key is UTF-8");
    expect(keys.insert(key).second || !strict, "no key is repeated");
    look_into(member, depth, strict, found);
  }
  for (const JsonView element : value.elements()) {
    look_into(element, depth, strict, found);
  }
}

void check_document(const JsonDocument& document, std::string_view input, bool strict) {
  expect(input.size() <= kLimits.max_bytes, "a text is only so long");
  Found found;
  look_into(document.root(), 0, strict, found);
  const std::string text = text_of(document);
  const auto again = JsonDocument::parse(text, {.relayed = !strict});
  expect(again.has_value(), "what is written is JSON");
  expect(!found.is_exact || text_of(*again) == text, "what is written is read alike");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  JsonLimits relayed_limits = kLimits;
  relayed_limits.relayed = true;
  const auto strict = JsonDocument::parse(text, kLimits);
  const auto relayed = JsonDocument::parse(text, relayed_limits);
  if (relayed) {
    check_document(*relayed, text, false);
  } else {
    expect(relayed.error().starts_with("byte "), "a refusal says where");
  }
  if (strict) {
    check_document(*strict, text, true);
    expect(relayed && text_of(*relayed) == text_of(*strict), "what is taken from strangers is read alike elsewhere");
  } else {
    expect(strict.error().starts_with("byte "), "a refusal says where");
  }
  return 0;
}
