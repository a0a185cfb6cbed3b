#include "webhook/connection.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <utility>

namespace signet {
namespace {

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// Reads in a row before the other connections get their turn: 256 KiB with a record each.
constexpr int kStepsPerTurn = 16;
// OpenSSL reads a record's header, then the rest.
constexpr int kSocketReadsPerTurn = 2 * kStepsPerTurn;

// An idle connection keeps no larger buffer than this; a usual review fits.
constexpr std::size_t kKeptBufferBytes = std::size_t{16} << 10;

std::chrono::milliseconds time_allowed(Connection::Phase phase, const FrontLimits& limits) {
  switch (phase) {
    case Connection::Phase::kHandshaking:
      return limits.handshake_deadline;
    case Connection::Phase::kIdle:
      return limits.idle_deadline;
    case Connection::Phase::kReadingHead:
      return limits.head_deadline;
    case Connection::Phase::kReadingBody:
      return limits.body_deadline;
    case Connection::Phase::kWriting:
      return limits.write_deadline;
    case Connection::Phase::kLingering:
      return limits.linger_deadline;
  }
  return {};
}

// A BIO_callback_fn_ex that holds a socket back when the connection's turn is over, as if nothing had come yet. One
// call of OpenSSL's reads on through all that is no data, changes of keys or refused renegotiations, as fast as it
// comes.
long read_in_turn(BIO* bio, int operation, const char* /*data*/, std::size_t /*size*/, int /*argument*/,
                  long /*argument*/, int result, std::size_t* /*processed*/) {
  if (operation != BIO_CB_READ) {
    return result;
  }
  BIO_clear_retry_flags(bio);
  int& left = *reinterpret_cast<int*>(BIO_get_callback_arg(bio));
  if (left == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  --left;
  return 1;
}

}  // namespace

Connection::Connection(UniqueFd fd, SslPtr ssl, const FrontLimits& limits, HttpExchange& exchange, TimePoint now)
    : fd_(std::move(fd)), ssl_(std::move(ssl)), limits_(limits), exchange_(exchange) {
  enter(Phase::kHandshaking, now);
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_.get()) != 1) {
    broken_ = true;
    return;
  }
  BIO* const socket = SSL_get_rbio(ssl_.get());
  BIO_set_callback_arg(socket, reinterpret_cast<char*>(&reads_left_));
  BIO_set_callback_ex(socket, read_in_turn);
  SSL_set_accept_state(ssl_.get());
}

Connection::Wants Connection::advance(TimePoint now, bool last, std::span<char> scratch) {
  reads_left_ = kSocketReadsPerTurn;
  for (int step = 0; step < kStepsPerTurn && !broken_; ++step) {
    Step done;
    switch (phase_) {
      case Phase::kHandshaking:
        done = handshake(now);
        break;
      case Phase::kIdle:
      case Phase::kReadingHead:
      case Phase::kReadingBody:
        done = read_request(now, last, scratch);
        break;
      case Phase::kWriting:
        done = write(now);
        break;
      case Phase::kLingering:
        done = linger(scratch);
        break;
    }
    if (done) {
      return *done;
    }
  }
  return broken_ ? Wants::kNothing : Wants::kTurn;
}

Connection::Wants Connection::expire(TimePoint now) {
  const bool half_read = phase_ == Phase::kReadingHead || phase_ == Phase::kReadingBody;
  if (!half_read) {
    if (phase_ == Phase::kIdle) {
      say_goodbye();
    }
    return Wants::kNothing;
  }
  refuse({408, "the request took too long"}, now);
  return Wants::kTurn;
}

void Connection::say_goodbye() {
  if (broken_ || phase_ == Phase::kHandshaking || phase_ == Phase::kLingering) {
    return;
  }
  ERR_clear_error();
  // Whether the peer answers it does not matter: every message carries its own length.
  (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void Connection::enter(Phase phase, TimePoint now) {
  phase_ = phase;
  phase_began_ = now;
  deadline_ = now + time_allowed(phase, limits_);
}

Connection::Step Connection::handshake(TimePoint now) {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    const Wants wants = wants_of(result);
    if (!broken_ || SSL_get_verify_result(ssl_.get()) == X509_V_OK) {
      return wants;
    }
    // The alert that was sent says what is wrong with the certificate: what the client sends behind it must not reset
    // the connection before it is read.
    broken_ = false;
    ::shutdown(fd_.get(), SHUT_WR);
    enter(Phase::kLingering, now);
    return std::nullopt;
  }
  client_ = standing_of(*ssl_);
  stranger_ = client_ != ClientStanding::kVerified;
  enter(Phase::kIdle, now);
  return std::nullopt;
}

Connection::Step Connection::read_request(TimePoint now, bool last, std::span<char> scratch) {
  if (phase_ != Phase::kReadingBody && !take_head(now)) {
    return receive(now, scratch);
  }
  if (phase_ == Phase::kReadingBody && !take_request(now, last)) {
    return receive(now, scratch);
  }
  return std::nullopt;
}

bool Connection::take_head(TimePoint now) {
  const auto head_end = find_head_end(in_, head_scanned_, limits_.head);
  if (!head_end) {
    refuse(head_end.error(), now);
    return true;
  }
  if (!*head_end) {
    return false;
  }
  auto head = parse_head(std::string_view(in_).substr(0, **head_end), limits_.head);
  if (!head) {
    refuse(head.error(), now);
    return true;
  }
  if (const auto admitted = exchange_.admit(*head, client_ != ClientStanding::kUnknown); !admitted) {
    refuse(admitted.error(), now);
    return true;
  }
  head_ = *std::move(head);
  head_size_ = **head_end;
  enter(Phase::kReadingBody, now);
  if (head_.expects_continue && in_.size() - head_size_ < head_.content_length.value_or(0)) {
    out_ = kContinue;
    body_follows_ = true;
    enter(Phase::kWriting, now);
  }
  return true;
}

bool Connection::take_request(TimePoint now, bool last) {
  // Admitted, so not above max_body_bytes.
  const auto body_size = static_cast<std::size_t>(head_.content_length.value_or(0));
  if (in_.size() - head_size_ < body_size) {
    return false;
  }
  const bool close = last || !head_.keep_alive;
  std::string answer = exchange_.answer(head_, std::string_view(in_).substr(head_size_, body_size), close);
  in_.erase(0, head_size_ + body_size);
  if (in_.capacity() > kKeptBufferBytes) {
    in_.shrink_to_fit();
  }
  head_scanned_ = 0;
  stranger_ = client_ == ClientStanding::kUnknown;
  out_ = std::move(answer);
  close_when_written_ = close;
  enter(Phase::kWriting, now);
  return true;
}

Connection::Step Connection::receive(TimePoint now, std::span<char> scratch) {
  std::size_t count = 0;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), scratch.data(), scratch.size(), &count);
  if (result != 1) {
    return wants_of(result);
  }
  in_.append(scratch.data(), count);
  if (phase_ == Phase::kIdle) {
    enter(Phase::kReadingHead, now);
  }
  return std::nullopt;
}

Connection::Step Connection::write(TimePoint now) {
  std::size_t count = 0;
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), out_.data() + written_, out_.size() - written_, &count);
  if (result != 1) {
    return wants_of(result);
  }
  written_ += count;
  if (written_ < out_.size()) {
    return std::nullopt;
  }
  out_.clear();
  out_.shrink_to_fit();
  written_ = 0;
  if (close_when_written_) {
    say_goodbye();
    ::shutdown(fd_.get(), SHUT_WR);
    in_.clear();
    in_.shrink_to_fit();
    enter(Phase::kLingering, now);
    return std::nullopt;
  }
  if (std::exchange(body_follows_, false)) {
    enter(Phase::kReadingBody, now);
    return std::nullopt;
  }
  if (in_.empty()) {
    enter(Phase::kIdle, now);
    // Whoever waits for his answer has sent nothing more.
    return SSL_has_pending(ssl_.get()) == 1 ? Step() : Wants::kReadable;
  }
  // A request that was sent without waiting for the answer before it: others come first.
  enter(Phase::kReadingHead, now);
  return Wants::kTurn;
}

Connection::Step Connection::linger(std::span<char> scratch) {
  const ssize_t count = ::recv(fd_.get(), scratch.data(), scratch.size(), 0);
  if (count > 0 || (count < 0 && errno == EINTR)) {
    return std::nullopt;
  }
  const bool waiting = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  return waiting ? Wants::kReadable : Wants::kNothing;
}

void Connection::refuse(const HttpRefusal& refusal, TimePoint now) {
  out_ = refusal_text(refusal);
  written_ = 0;
  close_when_written_ = true;
  body_follows_ = false;
  enter(Phase::kWriting, now);
}

Connection::Wants Connection::wants_of(int ssl_result) {
  const int error = SSL_get_error(ssl_.get(), ssl_result);
  if (error == SSL_ERROR_WANT_READ) {
    return Wants::kReadable;
  }
  if (error == SSL_ERROR_WANT_WRITE) {
    return Wants::kWritable;
  }
  broken_ = error != SSL_ERROR_ZERO_RETURN;
  ERR_clear_error();
  return Wants::kNothing;
}

}  // namespace signet
