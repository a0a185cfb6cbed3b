#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "signer/kube/json.h"

namespace signet {

// Appends `text` as a JSON string, quotes included (RFC 8259 §7). Control characters are escaped; every byte that is
// not part of a well-formed UTF-8 sequence becomes U+FFFD, so the result is valid whatever the text.
void append_json_string(std::string& out, std::string_view text);

// Appends JSON to a string, commas included, without white space. The order of calls is the caller's: the writer does
// not check that objects are closed or that a key precedes each member. Calls chain:
// `json.begin_object().key("kind").string("Status").end_object()`.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view value);
  JsonWriter& integer(std::int64_t value) { return literal(std::to_string(value)); }
  JsonWriter& boolean(bool value) { return literal(value ? "true" : "false"); }
  JsonWriter& null() { return literal("null"); }
  // A value of a parsed document (see JsonView::append_to); an absent one as null.
  JsonWriter& value(JsonView view);
  // Text that is one JSON value already.
  JsonWriter& raw(std::string_view json) { return literal(json); }

  [[nodiscard]] const std::string& text() const { return out_; }
  // The text; the writer is empty afterwards.
  [[nodiscard]] std::string take() {
    comma_ = false;
    return std::exchange(out_, {});
  }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& literal(std::string_view text);
  void separate();

  std::string out_;
  // Whether the next key or value follows one.
  bool comma_ = false;
};

}  // namespace signet
