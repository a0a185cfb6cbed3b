#pragma once

#include <rapidjson/fwd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace signet {

// Go's decoder, and so the API server, takes 10,000 levels; metadata.managedFields are as deep as a client wants, and a
// list or watch must not end at the object of one of them.
inline constexpr std::size_t kMaxApiServerDepth = 10'100;

// What a document may cost: it is refused before more than this is spent on it.
struct JsonLimits {
  std::size_t max_bytes = std::size_t{8} << 20;
  // Objects and arrays inside each other.
  std::size_t max_depth = 64;
  // A value costs 16 bytes in memory (a member 32) while two bytes of text can hold one.
  std::size_t max_values = 1'000'000;
  // For what an API server says: metadata.managedFields are its clients' words, byte for byte, and one object must not
  // end a list of everybody's. Bytes that are no UTF-8 are then read as '?', and keys may repeat: the first is found.
  bool relayed = false;
  // The document's copy of the text is wiped at its end.
  bool secret = false;
};

struct JsonMember;
class JsonElements;
class JsonMembers;

// A value inside a JsonDocument, or the absence of one: looking up what is not there gives an absent view, and reading
// an absent view or one of another type gives nullopt. Never asserts. Cheap to copy. Valid, like the strings it gives
// out, while its document lives (moving the document is fine).
class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(const rapidjson::Value* value) : value_(value) {}

  [[nodiscard]] bool exists() const { return value_ != nullptr; }
  // Present and `null`.
  [[nodiscard]] bool is_null() const;
  // What the Kubernetes API takes for "not set": no such key, or null.
  [[nodiscard]] bool is_absent_or_null() const { return !exists() || is_null(); }
  [[nodiscard]] bool is_object() const;
  [[nodiscard]] bool is_array() const;

  [[nodiscard]] std::optional<std::string_view> as_string() const;
  // An integer literal that fits; 1.0 and 1e3 are not integers.
  [[nodiscard]] std::optional<std::int64_t> as_int64() const;
  [[nodiscard]] std::optional<bool> as_bool() const;

  // The member `key` of an object; absent for any other type.
  [[nodiscard]] JsonView get(std::string_view key) const;
  // at("a", "b") is get("a").get("b").
  template <typename... Keys>
  [[nodiscard]] JsonView at(std::string_view key, Keys... keys) const {
    const JsonView child = get(key);
    if constexpr (sizeof...(keys) == 0) {
      return child;
    } else {
      return child.at(keys...);
    }
  }

  // Elements of an array or members of an object; 0 for any other type.
  [[nodiscard]] std::size_t size() const;
  // Range over the elements of an array; empty for any other type.
  [[nodiscard]] JsonElements elements() const;
  // Range over the members of an object in the document's order; empty for any other type.
  [[nodiscard]] JsonMembers members() const;

  // `index` must be less than size(), and the view an array or an object respectively.
  [[nodiscard]] JsonView element(std::size_t index) const;
  [[nodiscard]] JsonMember member(std::size_t index) const;

  // Appends this value as compact JSON text; an absent view as null. A number that is no integer may lose its last
  // digits.
  void append_to(std::string& out) const;

 private:
  const rapidjson::Value* value_ = nullptr;
};

struct JsonMember {
  std::string_view key;
  JsonView value;
};

// The ranges of elements() and members(), for range-based for.
template <typename T, T (JsonView::*At)(std::size_t) const>
class JsonRange {
 public:
  class Iterator {
   public:
    Iterator(JsonView owner, std::size_t index) : owner_(owner), index_(index) {}
    T operator*() const { return (owner_.*At)(index_); }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    JsonView owner_;
    std::size_t index_;
  };

  JsonRange(JsonView owner, std::size_t size) : owner_(owner), size_(size) {}
  [[nodiscard]] Iterator begin() const { return {owner_, 0}; }
  [[nodiscard]] Iterator end() const { return {owner_, size_}; }

 private:
  JsonView owner_;
  std::size_t size_;
};

class JsonElements : public JsonRange<JsonView, &JsonView::element> {
 public:
  using JsonRange::JsonRange;
};

class JsonMembers : public JsonRange<JsonMember, &JsonView::member> {
 public:
  using JsonRange::JsonRange;
};

// One parsed JSON text (RFC 8259) from outside. Owns a copy of the text and the values. Movable.
class JsonDocument {
 public:
  // Refuses, beside what is not JSON: text beyond the limits, invalid UTF-8, escaped lone surrogates, a key repeated
  // within one object (two readers could see two values), and anything but white space after the value. The error reads
  // `byte N: rule`.
  [[nodiscard]] static tl::expected<JsonDocument, std::string> parse(std::string_view text,
                                                                     const JsonLimits& limits = {});

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;
  ~JsonDocument();

  [[nodiscard]] JsonView root() const;

 private:
  struct Impl;
  explicit JsonDocument(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace signet
