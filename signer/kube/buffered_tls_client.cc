#include "signer/kube/buffered_tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace signet {
namespace {

using Milliseconds = std::chrono::milliseconds;

// What a TLS record holds (RFC 8446 §5.1).
constexpr std::size_t kRecordBytes = std::size_t{16} << 10;

void set_timeout(int socket, int option, Milliseconds patience) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(patience);
  const timeval time{.tv_sec = seconds.count(), .tv_usec = std::chrono::microseconds(patience - seconds).count()};
  // Without it a dead peer is noticed later, by the keep-alive.
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, option, &time, sizeof time));
}

// One exchange on a TLS connection whose socket waits, and times out, by itself. What was read beyond the answer is
// dropped: a server sends nothing unasked.
class BufferedTlsStream final : public httplib::Stream {
 public:
  BufferedTlsStream(int socket, SSL* ssl) : socket_(socket), ssl_(ssl) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }

  ssize_t read(char* out, std::size_t size) override {
    if (!unread_.empty()) return take(out, size);
    if (!flush()) return -1;
    std::size_t count = 0;
    if (!receive(count)) return -1;
    unread_ = std::string_view(in_.data(), count);
    return take(out, size);
  }

  // Waits in the buffer until the answer is asked for, or it is full.
  ssize_t write(const char* data, std::size_t size) override {
    out_.append(data, size);
    if (out_.size() >= kRecordBytes && !flush()) return -1;
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return socket_; }

 private:
  ssize_t take(char* out, std::size_t size) {
    const std::size_t count = std::min(size, unread_.size());
    std::memcpy(out, unread_.data(), count);
    unread_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }

  // At least one octet, or 0 at the end of the stream.
  bool receive(std::size_t& count) {
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_, in_.data(), in_.size(), &count);
    if (result == 1) return true;
    count = 0;
    return SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN;
  }

  bool flush() {
    std::size_t count = 0;
    ERR_clear_error();
    const bool done = out_.empty() || SSL_write_ex(ssl_, out_.data(), out_.size(), &count) == 1;
    out_.clear();
    return done;
  }

  const int socket_;
  SSL* const ssl_;
  std::array<char, kRecordBytes> in_;
  std::string_view unread_;
  std::string out_;
};

}  // namespace

void BufferedTlsClient::set_patience(std::chrono::milliseconds reading, std::chrono::milliseconds writing) {
  reading_ = reading;
  writing_ = writing;
  // For a connection that is made from now on.
  set_read_timeout(reading);
  set_write_timeout(writing);
}

bool BufferedTlsClient::process_socket(const Socket& socket, std::function<bool(httplib::Stream&)> exchange) {
  const Patience wanted{socket.sock, reading_, writing_};
  if (std::exchange(in_force_, wanted) != wanted) {
    set_timeout(socket.sock, SO_RCVTIMEO, reading_);
    set_timeout(socket.sock, SO_SNDTIMEO, writing_);
  }
  BufferedTlsStream stream(socket.sock, socket.ssl);
  return exchange(stream);
}

}  // namespace signet
