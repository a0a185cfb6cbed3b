#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "webhook/front_limits.h"
#include "webhook/http_exchange.h"
#include "webhook/http_framing.h"
#include "webhook/http_refusal.h"
#include "webhook/tls_context.h"
#include "webhook/unique_fd.h"

namespace signet {

// One TLS connection as a state machine over a non-blocking socket. Owned and driven by one thread; `now` is given to
// it.
class Connection {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  enum class Phase { kHandshaking, kIdle, kReadingHead, kReadingBody, kWriting, kLingering };
  static constexpr std::size_t kPhases = 6;

  // What has to happen before advance() can do more.
  enum class Wants {
    kReadable,
    kWritable,
    // Nothing: there is more to do, but others come first.
    kTurn,
    // The end: destroy it.
    kNothing,
  };

  // `limits` and `exchange` must outlive it. `ssl` is null when memory ran out; the first advance() then ends it.
  Connection(UniqueFd fd, SslPtr ssl, const FrontLimits& limits, HttpExchange& exchange, TimePoint now);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Does what can be done without waiting: at most one request, answered in this thread. With `last`, its answer closes
  // the connection. `scratch` is room that nobody else uses meanwhile.
  [[nodiscard]] Wants advance(TimePoint now, bool last, std::span<char> scratch);
  // What happens at the deadline: a request half read is answered with 408, anything else ends.
  [[nodiscard]] Wants expire(TimePoint now);
  // Tells the peer that nothing follows (close_notify), as far as that can be done without waiting.
  void say_goodbye();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] TimePoint phase_began() const { return phase_began_; }
  [[nodiscard]] TimePoint deadline() const { return deadline_; }
  // Where clients are asked for certificates, one that showed none; else one of which no request has come to be
  // answered yet. Anybody can open such a connection.
  [[nodiscard]] bool is_stranger() const { return stranger_; }
  // Memory held for the request.
  [[nodiscard]] std::size_t buffered_bytes() const { return in_.capacity(); }

 private:
  // nullopt: go on.
  using Step = std::optional<Wants>;

  void enter(Phase phase, TimePoint now);
  Step handshake(TimePoint now);
  Step read_request(TimePoint now, bool last, std::span<char> scratch);
  // False when more bytes are needed.
  bool take_head(TimePoint now);
  bool take_request(TimePoint now, bool last);
  Step receive(TimePoint now, std::span<char> scratch);
  Step write(TimePoint now);
  Step linger(std::span<char> scratch);
  void refuse(const HttpRefusal& refusal, TimePoint now);
  Wants wants_of(int ssl_result);

  UniqueFd fd_;
  // Of the turn: how often OpenSSL may still read from the socket.
  int reads_left_ = 0;
  SslPtr ssl_;
  const FrontLimits& limits_;
  HttpExchange& exchange_;

  Phase phase_ = Phase::kHandshaking;
  TimePoint phase_began_;
  TimePoint deadline_;
  // After a fatal error of TLS or of the socket nothing may be sent, not even a goodbye.
  bool broken_ = false;
  bool stranger_ = true;
  // As of the handshake; nobody is known before.
  ClientStanding client_ = ClientStanding::kUnknown;

  // What was received and not yet answered: the request being read, and what was sent after it.
  std::string in_;
  std::size_t head_scanned_ = 0;
  HttpRequestHead head_;
  std::size_t head_size_ = 0;

  std::string out_;
  std::size_t written_ = 0;
  bool close_when_written_ = false;
  // What was written is `100 Continue`, and the body follows.
  bool body_follows_ = false;
};

}  // namespace signet
