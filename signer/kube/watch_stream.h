#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "signer/kube/kube_api.h"

namespace signet {

// More than any object can take, so that none can end a watch again and again: etcd's limit is 1.5 MiB, and JSON may
// escape a byte as six.
inline constexpr std::size_t kMaxWatchLineBytes = std::size_t{12} << 20;

// Cuts the body of a watch into its lines, one event each
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes), and hands them on.
// What follows the last line break is never handed on: it was cut off.
class WatchStream {
 public:
  explicit WatchStream(const WatchHandler& handler, std::size_t max_line_bytes = kMaxWatchLineBytes)
      : handler_(handler), max_line_bytes_(max_line_bytes) {}

  // Takes the next bytes of the body. False when the stream is over because of them: error() says why.
  [[nodiscard]] bool feed(std::string_view bytes);

  [[nodiscard]] const std::optional<KubeError>& error() const { return error_; }

 private:
  bool take_line(std::string_view line);
  bool fail(KubeError error);

  const WatchHandler& handler_;
  std::size_t max_line_bytes_;
  // The begin of a line whose end has not come yet.
  std::string pending_;
  std::optional<KubeError> error_;
};

}  // namespace signet
