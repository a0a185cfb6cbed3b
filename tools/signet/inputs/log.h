#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

namespace signet {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Writes one JSON line to stderr: time (RFC 3339, UTC), level, message, then the fields in their order. One write a
/// line, so lines of several threads do not mix. What is below the level set is left out.
void log(LogLevel level, std::string_view message,
         std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {});

/// The level of this name: "debug", "info", "warning" or "error".
[[nodiscard]] std::optional<LogLevel> log_level_named(std::string_view name);

/// The least level that is written; kInfo until set. To be called before threads are started.
void set_log_level(LogLevel level);

}  // namespace signet
