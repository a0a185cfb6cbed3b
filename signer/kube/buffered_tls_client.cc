#include "signer/kube/buffered_tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

// Whether the socket gets ready in time.
bool wait_for(int socket, short events, Milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<Milliseconds>(until - std::chrono::steady_clock::now());
    pollfd polled{.fd = socket, .events = events, .revents = 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(std::max(left, Milliseconds(0)).count()));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

// One exchange on a TLS connection. What was read beyond the answer is dropped: a server sends nothing unasked.
class BufferedTlsStream final : public httplib::Stream {
 public:
  BufferedTlsStream(int socket, SSL* ssl, Milliseconds reading, Milliseconds writing)
      : socket_(socket), ssl_(ssl), reading_(reading), writing_(writing) {}

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
    for (;;) {
      if (SSL_pending(ssl_) == 0 && !wait_for(socket_, POLLIN, reading_)) return false;
      ERR_clear_error();
      const int result = SSL_read_ex(ssl_, in_.data(), in_.size(), &count);
      if (result == 1) return true;
      const int error = SSL_get_error(ssl_, result);
      count = 0;
      if (error == SSL_ERROR_ZERO_RETURN) return true;
      if (error != SSL_ERROR_WANT_READ) return false;
    }
  }

  bool flush() {
    std::string_view rest = out_;
    while (!rest.empty()) {
      std::size_t count = 0;
      ERR_clear_error();
      const int result = SSL_write_ex(ssl_, rest.data(), rest.size(), &count);
      if (result == 1) {
        rest.remove_prefix(count);
      } else if (SSL_get_error(ssl_, result) != SSL_ERROR_WANT_WRITE || !wait_for(socket_, POLLOUT, writing_)) {
        return false;
      }
    }
    out_.clear();
    return true;
  }

  const int socket_;
  SSL* const ssl_;
  const Milliseconds reading_;
  const Milliseconds writing_;
  std::array<char, kRecordBytes> in_;
  std::string_view unread_;
  std::string out_;
};

}  // namespace

void BufferedTlsClient::set_patience(std::chrono::milliseconds reading, std::chrono::milliseconds writing) {
  reading_ = reading;
  writing_ = writing;
  // For the socket itself, where a record comes in pieces.
  set_read_timeout(reading);
  set_write_timeout(writing);
}

bool BufferedTlsClient::process_socket(const Socket& socket, std::function<bool(httplib::Stream&)> exchange) {
  BufferedTlsStream stream(socket.sock, socket.ssl, reading_, writing_);
  return exchange(stream);
}

}  // namespace signet
