#pragma once

#include <httplib.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace signet {

// One request for httplib to read and room for its answer, without a socket. `head` and `body` must outlive it.
class MemoryStream final : public httplib::Stream {
 public:
  MemoryStream(std::string_view head, std::string_view body) : head_(head), body_(body) {}

  [[nodiscard]] std::string take_written() { return std::move(written_); }

  bool is_readable() const override { return !head_.empty() || !body_.empty(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* out, std::size_t size) override {
    std::string_view& source = head_.empty() ? body_ : head_;
    const std::size_t count = std::min(size, source.size());
    std::memcpy(out, source.data(), count);
    source.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* data, std::size_t size) override {
    written_.append(data, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  // httplib compares it with FD_SETSIZE, which -1 is below.
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view head_;
  std::string_view body_;
  std::string written_;
};

}  // namespace signet
