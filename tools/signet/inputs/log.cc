#include "tools/signet/inputs/log.h"

#include <unistd.h>

#include <chrono>
#include <string>

#include "signer/kube/json_writer.h"
#include "signer/kube/rfc3339.h"

namespace signet {
namespace {

LogLevel least_level = LogLevel::kInfo;

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return {};
}

}  // namespace

std::optional<LogLevel> log_level_named(std::string_view name) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (name_of(level) == name) {
      return level;
    }
  }
  return std::nullopt;
}

void set_log_level(LogLevel level) { least_level = level; }

void log(LogLevel level, std::string_view message,
         std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  if (level < least_level) {
    return;
  }
  JsonWriter json;
  json.begin_object()
      .key("time")
      .string(to_rfc3339(std::chrono::system_clock::now()))
      .key("level")
      .string(name_of(level));
  json.key("message").string(message);
  for (const auto& [key, value] : fields) {
    json.key(key).string(value);
  }
  json.end_object();
  const std::string line = json.take() + "\n";
  // A log that cannot be written is nowhere to be told.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace signet
