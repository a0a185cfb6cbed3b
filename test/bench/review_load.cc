// Asks a webhook for reviews, as fast as it answers. Usage: review_load PORT CA PATH REVIEWS CONNECTIONS SECONDS
//
// Each of so many connections to 127.0.0.1 (TLS 1.3, kept alive, the server verified with the certificates in CA) posts
// a review to PATH and, when it has the answer, the next one. REVIEWS has an AdmissionReview a line; they take turns.
// The time begins when every connection has been made. An answer is good when it is a 200 that allows the very review
// it was asked; the first that is not is told on standard error, and all of them are counted. Prints one JSON object.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "webhook/unique_fd.h"

namespace signet {
namespace {

using Clock = std::chrono::steady_clock;
using SslCtxPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using SslPtr = std::unique_ptr<SSL, decltype(&SSL_free)>;

constexpr const char* kAddress = "127.0.0.1";

// What else the API server tells a webhook.
constexpr const char* kHeaders =
    "\r\nUser-Agent: kube-apiserver-admission\r\nAccept: application/json, */*\r\nAccept-Encoding: gzip\r\n"
    "Content-Type: application/json\r\n";

[[noreturn]] void fail(const std::string& problem) {
  std::cerr << "review_load: " << problem << "\n";
  ERR_print_errors_fp(stderr);
  std::exit(EXIT_FAILURE);
}

// A review, ready to be sent.
struct Request {
  std::string bytes;  // head and body
  std::string uid;    // the answer has it too: "uid":"…"
};

std::vector<Request> read_requests(const std::string& path, const std::string& target) {
  std::ifstream file(path, std::ios::binary);
  std::vector<Request> requests;
  for (std::string body; std::getline(file, body);) {
    constexpr std::string_view kUid = "\"uid\":\"";
    const std::size_t uid = body.find(kUid);
    const std::size_t uid_end = body.find('"', uid == std::string::npos ? uid : uid + kUid.size());
    if (uid_end == std::string::npos) {
      fail(path + ": a line without a uid");
    }
    requests.push_back({.bytes = "POST " + target + " HTTP/1.1\r\nHost: " + kAddress + kHeaders +
                                 "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
                        .uid = body.substr(uid, uid_end + 1 - uid)});
  }
  if (requests.empty()) {
    fail(path + ": no reviews");
  }
  return requests;
}

SslCtxPtr make_context(const std::string& ca) {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_load_verify_file(context.get(), ca.c_str()) != 1) {
    fail("TLS with the certificates of " + ca);
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_read_ahead(context.get(), 1);  // a record in one read, not its header and then the rest
  return context;
}

// An answer's body, once all of it is there. Both servers say how long it is.
std::optional<std::string_view> complete_body(std::string_view answer) {
  constexpr std::string_view kLength = "\r\ncontent-length: ";
  const std::size_t head_end = answer.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view head = answer.substr(0, head_end);
  const auto field = std::ranges::search(head, kLength, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
  std::size_t length = 0;
  if (field.empty() || std::from_chars(field.end(), head.data() + head.size(), length).ec != std::errc()) {
    fail("an answer without Content-Length: " + std::string(answer));
  }
  const std::string_view body = answer.substr(head_end + 4);
  return body.size() < length ? std::nullopt : std::optional(body);
}

bool is_good(const Request& request, std::string_view answer, std::string_view body) {
  return answer.starts_with("HTTP/1.1 200 ") && body.find("\"allowed\":true") != std::string_view::npos &&
         body.find(request.uid) != std::string_view::npos;
}

// One request after the other.
class Connection {
 public:
  Connection(SSL_CTX* context, std::uint16_t port)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), ssl_(SSL_new(context), &SSL_free) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, kAddress, &address.sin_addr);
    const int on = 1;
    // The handshake blocks, what follows does not.
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), kAddress) != 1 ||
        SSL_set_fd(ssl_.get(), fd_.get()) != 1 || SSL_connect(ssl_.get()) != 1 ||
        ::fcntl(fd_.get(), F_SETFL, O_NONBLOCK) != 0) {
      fail("no connection to port " + std::to_string(port));
    }
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool idle() const { return request_ == nullptr; }
  [[nodiscard]] const Request& request() const { return *request_; }
  [[nodiscard]] const std::string& answer() const { return answer_; }

  void begin(const Request& request) {
    request_ = &request;
    sent_ = false;
    answer_.clear();
    began_ = Clock::now();
  }

  // Goes on as far as it can without waiting; the time that the request took, once all of its answer is in answer().
  std::optional<Clock::duration> advance() {
    if (!sent_) {
      const int written = SSL_write(ssl_.get(), request_->bytes.data(), static_cast<int>(request_->bytes.size()));
      if (written <= 0) {
        must_wait(written);
        return std::nullopt;
      }
      sent_ = true;
    }
    for (;;) {
      std::array<char, 16384> piece;
      const int read = SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
      if (read <= 0) {
        must_wait(read);
        return std::nullopt;
      }
      answer_.append(piece.data(), static_cast<std::size_t>(read));
      if (complete_body(answer_)) {
        return Clock::now() - began_;
      }
    }
  }

  void end() { request_ = nullptr; }

 private:
  void must_wait(int result) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      fail("the connection broke");
    }
  }

  UniqueFd fd_;
  SslPtr ssl_;
  const Request* request_ = nullptr;  ///< null between requests
  bool sent_ = false;
  std::string answer_;
  Clock::time_point began_;
};

double cpu_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Outcome {
  std::vector<double> latencies;  // µs
  std::size_t errors = 0;
  double seconds = 0;
};

Outcome load(std::vector<Connection>& connections, const std::vector<Request>& requests,
             std::chrono::seconds duration) {
  const UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (Connection& connection : connections) {
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = &connection;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, connection.fd(), &event) != 0) {
      fail("epoll");
    }
  }
  Outcome outcome;
  std::size_t next = 0;
  std::size_t busy = 0;
  const Clock::time_point begin = Clock::now();
  // Answers what comes in; begins nothing more when the time is over.
  const auto go_on = [&](Connection& connection) {
    while (!connection.idle()) {
      const auto taken = connection.advance();
      if (!taken) {
        return;
      }
      outcome.latencies.push_back(std::chrono::duration<double, std::micro>(*taken).count());
      if (!is_good(connection.request(), connection.answer(), *complete_body(connection.answer())) &&
          outcome.errors++ == 0) {
        std::cerr << "review_load: " << connection.request().uid << ": " << connection.answer() << "\n";
      }
      if (Clock::now() - begin < duration) {
        connection.begin(requests[next++ % requests.size()]);
      } else {
        connection.end();
        --busy;
      }
    }
  };
  for (Connection& connection : connections) {
    connection.begin(requests[next++ % requests.size()]);
    ++busy;
    go_on(connection);
  }
  std::array<epoll_event, 64> events = {};
  while (busy > 0) {
    const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      go_on(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
  }
  outcome.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return outcome;
}

void print(Outcome outcome, double cpu) {
  std::ranges::sort(outcome.latencies);
  const auto percentile = [&](std::size_t percent) {
    return outcome.latencies[(outcome.latencies.size() - 1) * percent / 100];
  };
  std::cout << "{\"requests\":" << outcome.latencies.size() << ",\"errors\":" << outcome.errors
            << ",\"seconds\":" << outcome.seconds << ",\"p50\":" << percentile(50) << ",\"p99\":" << percentile(99)
            << ",\"max\":" << outcome.latencies.back() << ",\"cpuSeconds\":" << cpu << "}\n";
}

}  // namespace
}  // namespace signet

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto number = [&](std::size_t at) { return std::atoi(arguments[at].c_str()); };
  if (arguments.size() != 6 || number(0) < 1 || number(4) < 1 || number(5) < 1) {
    std::cerr << "usage: review_load PORT CA PATH REVIEWS CONNECTIONS SECONDS\n";
    return EXIT_FAILURE;
  }
  using namespace signet;
  const std::vector<Request> requests = read_requests(arguments[3], arguments[2]);
  const SslCtxPtr context = make_context(arguments[1]);
  std::vector<Connection> connections;
  connections.reserve(static_cast<std::size_t>(number(4)));
  for (int i = 0; i < number(4); ++i) {
    connections.emplace_back(context.get(), static_cast<std::uint16_t>(number(0)));
  }
  const double cpu = cpu_seconds();
  Outcome outcome = load(connections, requests, std::chrono::seconds(number(5)));
  print(std::move(outcome), cpu_seconds() - cpu);
  return EXIT_SUCCESS;
}
