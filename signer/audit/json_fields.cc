#include "signer/audit/json_fields.h"

#include <algorithm>
#include <utility>

#include "policy/quoting.h"

namespace signet {

JsonFields::JsonFields(JsonView object, std::string_view path) : object_(object), path_(path) {
  if (!object.is_object()) error_ = (path_.empty() ? "it" : path_) + " must be an object";
}

void JsonFields::problem(std::string_view key, std::string_view rule) {
  if (error_.empty()) error_ = (path_.empty() ? "" : path_ + ".") + std::string(key) + ": " + std::string(rule);
}

JsonView JsonFields::get(std::string_view key) {
  asked_.push_back(key);
  return object_.get(key);
}

std::optional<std::string> JsonFields::text(std::string_view key) {
  const JsonView value = get(key);
  const auto text = value.as_string();
  if (value.exists() && !text) problem(key, "must be a text");
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

std::optional<std::int64_t> JsonFields::integer(std::string_view key) {
  const JsonView value = get(key);
  const auto integer = value.as_int64();
  if (value.exists() && !integer) problem(key, "must be a whole number");
  return integer;
}

bool JsonFields::flag(std::string_view key) {
  const JsonView value = get(key);
  const auto flag = value.as_bool();
  if (value.exists() && !flag) problem(key, "must be true or false");
  return flag.value_or(false);
}

std::vector<std::string> JsonFields::texts(std::string_view key) {
  const JsonView value = get(key);
  std::vector<std::string> texts;
  bool wrong = value.exists() && !value.is_array();
  for (const JsonView element : value.elements()) {
    if (const auto text = element.as_string()) {
      texts.emplace_back(*text);
    } else {
      wrong = true;
    }
  }
  if (wrong) problem(key, "must be a list of texts");
  return texts;
}

JsonView JsonFields::object(std::string_view key) {
  const JsonView value = get(key);
  if (!value.exists() || value.is_object()) return value;
  problem(key, "must be an object");
  return {};
}

JsonView JsonFields::array(std::string_view key) {
  const JsonView value = get(key);
  if (!value.exists() || value.is_array()) return value;
  problem(key, "must be a list");
  return {};
}

std::string JsonFields::take_error(Others others) {
  for (const JsonMember& member : object_.members()) {
    if (others == Others::kRefused && std::ranges::find(asked_, member.key) == asked_.end()) {
      problem(in_quotes(member.key), "is not known here");
    }
  }
  return std::exchange(error_, {});
}

}  // namespace signet
