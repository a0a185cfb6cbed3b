#include "signer/kube/json.h"

#include <openssl/crypto.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "policy/utf8.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

// Objects up to this size are compared key by key, larger ones sorted: cheap for what Kubernetes sends, n log n for
// what others may.
constexpr std::size_t kMaxPairwiseKeys = 16;

// A quoted key in an error is cut here.
constexpr std::size_t kMaxQuotedKeyBytes = 64;

std::string at_byte(std::size_t offset, std::string_view rule) {
  return "byte " + std::to_string(offset) + ": " + std::string(rule);
}

// Raw text is known to be UTF-8, so a surrogate in a decoded string came from an escape: RapidJSON pairs high ones and
// lets low ones pass.
bool has_surrogate(std::string_view text) {
  std::size_t at = 0;
  while ((at = text.find('\xED', at)) != std::string_view::npos) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
    ++at;
  }
  return false;
}

// Stands between the reader and the document: counts depth and values before the document spends memory on them and
// finds repeated keys.
class BoundedHandler {
 public:
  using Ch = char;

  BoundedHandler(rapidjson::Document& document, const char* text, const JsonLimits& limits)
      : document_(document), text_(text), limits_(limits) {}

  // Set when this handler ended the parse: the rule, and where it can tell better than the reader, the place.
  [[nodiscard]] const std::string& rule() const { return rule_; }
  [[nodiscard]] std::optional<std::size_t> offset() const { return offset_; }

  bool Null() { return count_value() && document_.Null(); }
  bool Bool(bool value) { return count_value() && document_.Bool(value); }
  bool Int(int value) { return count_value() && document_.Int(value); }
  bool Uint(unsigned value) { return count_value() && document_.Uint(value); }
  bool Int64(std::int64_t value) { return count_value() && document_.Int64(value); }
  bool Uint64(std::uint64_t value) { return count_value() && document_.Uint64(value); }
  // RapidJSON finds most numbers that are too large by itself, but not many digits with a large exponent.
  bool Double(double value) {
    return count_value() && (std::isfinite(value) || refuse("the number is too large")) && document_.Double(value);
  }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool copy) {
    return count_value() && document_.RawNumber(text, length, copy);
  }
  bool String(const char* text, rapidjson::SizeType length, bool copy) {
    return count_value() && check_string({text, length}) && document_.String(text, length, copy);
  }
  bool Key(const char* text, rapidjson::SizeType length, bool copy) {
    if (!check_string({text, length})) return false;
    keys_.emplace_back(text, length);
    return document_.Key(text, length, copy);
  }
  bool StartObject() { return count_value() && enter() && document_.StartObject(); }
  bool EndObject(rapidjson::SizeType count) {
    --depth_;
    return check_keys(count) && document_.EndObject(count);
  }
  bool StartArray() { return count_value() && enter() && document_.StartArray(); }
  bool EndArray(rapidjson::SizeType count) {
    --depth_;
    return document_.EndArray(count);
  }

 private:
  bool refuse(std::string rule) {
    rule_ = std::move(rule);
    return false;
  }

  bool count_value() {
    return ++values_ <= limits_.max_values || refuse("more than " + std::to_string(limits_.max_values) + " values");
  }

  bool enter() {
    return ++depth_ <= limits_.max_depth || refuse("nested deeper than " + std::to_string(limits_.max_depth));
  }

  // Parsing in place leaves every string where its text began, so its address tells the offset.
  [[nodiscard]] std::size_t offset_of(std::string_view text) const {
    return static_cast<std::size_t>(text.data() - text_) - 1;
  }

  bool check_string(std::string_view text) {
    if (!has_surrogate(text)) return true;
    offset_ = offset_of(text);
    return refuse("the string has an unpaired surrogate escape");
  }

  bool check_keys(std::size_t count) {
    const auto first = keys_.end() - static_cast<std::ptrdiff_t>(count);
    if (limits_.relayed) {
      keys_.erase(first, keys_.end());
      return true;
    }
    const std::string_view* repeated = nullptr;
    if (count <= kMaxPairwiseKeys) {
      for (auto key = first; key != keys_.end() && repeated == nullptr; ++key) {
        if (std::find(first, key, *key) != key) repeated = &*key;
      }
    } else {
      std::sort(first, keys_.end(), [](std::string_view a, std::string_view b) {
        const int order = a.compare(b);
        return order != 0 ? order < 0 : std::less<>()(a.data(), b.data());
      });
      const auto found = std::adjacent_find(first, keys_.end());
      if (found != keys_.end()) repeated = &*(found + 1);
    }
    if (repeated != nullptr) {
      offset_ = offset_of(*repeated);
      std::string rule = "the key ";
      append_json_string(rule, repeated->substr(0, kMaxQuotedKeyBytes));
      return refuse(rule + " is repeated");
    }
    keys_.erase(first, keys_.end());
    return true;
  }

  rapidjson::Document& document_;
  const char* text_;
  const JsonLimits& limits_;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  // Keys of all objects that are open, the innermost's last.
  std::vector<std::string_view> keys_;
  std::string rule_;
  std::optional<std::size_t> offset_;
};

void replace_invalid_utf8(char* text, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const std::size_t length = utf8_sequence_length({text, size}, at);
    if (length == 0) text[at] = '?';
    at += std::max<std::size_t>(length, 1);
  }
}

}  // namespace

struct JsonDocument::Impl {
  ~Impl() {
    if (secret_bytes > 0) OPENSSL_cleanse(text.get(), secret_bytes);
  }

  // Values refer to strings in here. NUL-terminated, as the reader wants it.
  std::unique_ptr<char[]> text;
  std::size_t secret_bytes = 0;  // of the text, to be wiped
  rapidjson::Document document;
};

JsonDocument::JsonDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

tl::expected<JsonDocument, std::string> JsonDocument::parse(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return tl::unexpected(
        at_byte(limits.max_bytes, "the document is larger than " + std::to_string(limits.max_bytes) + " bytes"));
  }
  const auto invalid = find_invalid_utf8(text);
  if (invalid && !limits.relayed) return tl::unexpected(at_byte(*invalid, "not valid UTF-8"));

  auto impl = std::make_unique<Impl>();
  impl->text = std::make_unique_for_overwrite<char[]>(text.size() + 1);
  std::memcpy(impl->text.get(), text.data(), text.size());
  impl->text[text.size()] = '\0';
  impl->secret_bytes = limits.secret ? text.size() : 0;
  if (invalid) replace_invalid_utf8(impl->text.get(), text.size());

  rapidjson::InsituStringStream stream(impl->text.get());
  BoundedHandler handler(impl->document, impl->text.get(), limits);
  rapidjson::ParseResult result;
  // Without recursion, so that depth costs memory alone.
  auto read = [&](rapidjson::Document&) {
    rapidjson::Reader reader;
    result = reader.Parse<rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag>(stream, handler);
    return !result.IsError();
  };
  impl->document.Populate(read);

  if (result.IsError()) {
    if (!handler.rule().empty())
      return tl::unexpected(at_byte(handler.offset().value_or(result.Offset()), handler.rule()));
    return tl::unexpected(at_byte(result.Offset(), rapidjson::GetParseError_En(result.Code())));
  }
  // The reader takes a NUL for the end.
  if (stream.Tell() != text.size()) return tl::unexpected(at_byte(stream.Tell(), "a NUL byte after the value"));
  return JsonDocument(std::move(impl));
}

JsonView JsonDocument::root() const { return JsonView(&impl_->document); }

bool JsonView::is_null() const { return value_ != nullptr && value_->IsNull(); }
bool JsonView::is_object() const { return value_ != nullptr && value_->IsObject(); }
bool JsonView::is_array() const { return value_ != nullptr && value_->IsArray(); }

std::optional<std::string_view> JsonView::as_string() const {
  if (value_ == nullptr || !value_->IsString()) return std::nullopt;
  return std::string_view(value_->GetString(), value_->GetStringLength());
}

std::optional<std::int64_t> JsonView::as_int64() const {
  if (value_ == nullptr || !value_->IsInt64()) return std::nullopt;
  return value_->GetInt64();
}

std::optional<bool> JsonView::as_bool() const {
  if (value_ == nullptr || !value_->IsBool()) return std::nullopt;
  return value_->GetBool();
}

JsonView JsonView::get(std::string_view key) const {
  if (!is_object()) return {};
  for (auto member = value_->MemberBegin(); member != value_->MemberEnd(); ++member) {
    if (key == std::string_view(member->name.GetString(), member->name.GetStringLength()))
      return JsonView(&member->value);
  }
  return {};
}

std::size_t JsonView::size() const {
  if (is_array()) return value_->Size();
  if (is_object()) return value_->MemberCount();
  return 0;
}

JsonElements JsonView::elements() const { return {*this, is_array() ? size() : 0}; }
JsonMembers JsonView::members() const { return {*this, is_object() ? size() : 0}; }

JsonView JsonView::element(std::size_t index) const {
  return JsonView(&(*value_)[static_cast<rapidjson::SizeType>(index)]);
}

JsonMember JsonView::member(std::size_t index) const {
  const auto& member = *(value_->MemberBegin() + static_cast<std::ptrdiff_t>(index));
  return {{member.name.GetString(), member.name.GetStringLength()}, JsonView(&member.value)};
}

void JsonView::append_to(std::string& out) const {
  if (value_ == nullptr) {
    out += "null";
    return;
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value_->Accept(writer);
  out.append(buffer.GetString(), buffer.GetSize());
}

}  // namespace signet
