#include "signer/kube/watch_stream.h"

#include <utility>

#include "signer/kube/kube_error.h"

namespace signet {
namespace {

KubeError bad_response(std::string message) {
  return {.kind = KubeError::Kind::kBadResponse,
          .http_status = 200,
          .message = std::move(message),
          .retry_after = std::nullopt};
}

std::optional<WatchEventType> event_type(std::string_view text) {
  if (text == "ADDED") return WatchEventType::kAdded;
  if (text == "MODIFIED") return WatchEventType::kModified;
  if (text == "DELETED") return WatchEventType::kDeleted;
  if (text == "BOOKMARK") return WatchEventType::kBookmark;
  return std::nullopt;
}

}  // namespace

bool WatchStream::fail(KubeError error) {
  error_ = std::move(error);
  return false;
}

bool WatchStream::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (part.size() > max_line_bytes_ - pending_.size()) {
      return fail(bad_response("a line of the watch is longer than " + std::to_string(max_line_bytes_) + " bytes"));
    }
    if (end == std::string_view::npos) {
      pending_ += part;
      return true;
    }
    bytes.remove_prefix(end + 1);
    if (pending_.empty()) {
      if (!take_line(part)) return false;
    } else {
      pending_ += part;
      const std::string line = std::exchange(pending_, {});
      if (!take_line(line)) return false;
    }
  }
  return true;
}

bool WatchStream::take_line(std::string_view line) {
  if (line.empty() || (handler_.wants_line && !handler_.wants_line(line))) return true;
  const auto document =
      JsonDocument::parse(line, {.max_bytes = kMaxWatchLineBytes, .max_depth = kMaxApiServerDepth, .relayed = true});
  if (!document) return fail(bad_response("a line of the watch is not JSON we take: " + document.error()));
  const JsonView object = document->root().get("object");
  const std::string_view type = document->root().get("type").as_string().value_or("");
  if (type == "ERROR") return fail(kube_error_from_status(object));
  const auto known = event_type(type);
  if (!known || !object.is_object()) return fail(bad_response("a line of the watch is not a watch event"));
  handler_.on_event({*known, object});
  return true;
}

}  // namespace signet
