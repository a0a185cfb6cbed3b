#pragma once

#include <chrono>
#include <cstddef>

#include "webhook/http_framing.h"

namespace signet {

// The API server takes objects of up to 3 MiB, an UPDATE's review carries two of them, and the rest is room.
inline constexpr std::size_t kMaxReviewBytes = std::size_t{7} << 20;

// What strangers may cost the front, whose port any pod can reach. The defaults suit one API server in trouble beside
// many strangers; tests use smaller ones. Every duration is a total, not a pause between bytes, and begins with its
// phase.
struct FrontLimits {
  HttpHeadLimits head;
  std::size_t max_body_bytes = kMaxReviewBytes;

  // An API server keeps up to 25 idle connections to a webhook; this is a control plane of nine and as many strangers
  // again, and fits the usual 1024 descriptors of a process. At the cap the connection least likely to be missed makes
  // room.
  std::size_t max_connections = 512;
  // Inside a cluster a handshake takes a few milliseconds, and so does a request. Who takes longer is let be, but at
  // the cap goes before idle connections do: those may be the API server's.
  std::chrono::milliseconds patience_at_cap{200};
  // What all requests still being read may hold together, ten of the largest at least: many half-sent bodies must not
  // end the process. Beyond it the one that has been read for longest is closed.
  std::size_t max_buffered_bytes = std::size_t{128} << 20;

  // The API server waits 3 s for a whole call (our registration's timeoutSeconds); who needs more than that for a
  // part of it will not be heard anyway.
  std::chrono::milliseconds handshake_deadline{5'000};
  std::chrono::milliseconds head_deadline{5'000};
  // 7 MiB at 6 Mbit/s; 10 s is the default timeout of a webhook call.
  std::chrono::milliseconds body_deadline{10'000};
  std::chrono::milliseconds write_deadline{10'000};
  // Longer than the 90 s after which client-go drops an idle connection, so that the client closes and no request
  // crosses our closing on its way.
  std::chrono::milliseconds idle_deadline{120'000};
  // After a last answer the peer's bytes are discarded for this long: closing at once would reset the connection and
  // could take the answer with it (RFC 9112 §9.6).
  std::chrono::milliseconds linger_deadline{1'000};

  // Event loops; 0 is one a hardware thread.
  std::size_t threads = 0;
};

}  // namespace signet
