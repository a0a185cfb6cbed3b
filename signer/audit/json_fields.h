#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "signer/kube/json.h"

namespace signet {

/// Reads the members of a JSON object, each once, and keeps the first that is not of its type: `request.usages: must be
/// a list of texts`. One that is absent is no problem, null is.
class JsonFields {
 public:
  /// `path` is what problems begin with; empty for the top.
  JsonFields(JsonView object, std::string_view path);

  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key);
  [[nodiscard]] bool flag(std::string_view key);  ///< absent: false
  [[nodiscard]] std::vector<std::string> texts(std::string_view key);
  // Absent views where they are absent, or wrong.
  [[nodiscard]] JsonView object(std::string_view key);
  [[nodiscard]] JsonView array(std::string_view key);

  void problem(std::string_view key, std::string_view rule);

  /// Whether members that nobody asked for are a problem.
  enum class Others { kIgnored, kRefused };
  /// The first problem; empty when there is none.
  [[nodiscard]] std::string take_error(Others others);

 private:
  [[nodiscard]] JsonView get(std::string_view key);

  JsonView object_;
  std::string path_;
  std::string error_;
  std::vector<std::string_view> asked_;
};

}  // namespace signet
