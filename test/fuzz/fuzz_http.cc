// What any pod can send to the front, as one connection reads it: however the bytes arrive, the same requests are
// answered and the same refusal ends it; and what is answered has one reading of where it ends.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/fuzz/expect.h"
#include "test/fuzz/split.h"
#include "webhook/http_exchange.h"
#include "webhook/webhook_endpoints.h"

namespace {

using namespace signet;
using fuzz::expect;

// Small, so that they are met.
constexpr HttpHeadLimits kLimits{.max_bytes = 512, .max_headers = 8, .max_target_bytes = 64};
constexpr std::size_t kMaxBodyBytes = 64;

HttpResponse echo(const HttpRequest& request) {
  expect(request.body.size() <= kMaxBodyBytes, "a body is bounded");
  if (request.body == "throw") {
    throw 0;
  }
  std::string told(request.method);
  told.append(" ").append(request.path).append(" ").append(request.content_type).append(" ").append(request.body);
  return {.status = 200, .content_type = "text/plain", .body = told};
}

bool same(const HttpRequestHead& a, const HttpRequestHead& b) {
  return a.method == b.method && a.path == b.path && a.content_type == b.content_type &&
         a.content_length == b.content_length && a.keep_alive == b.keep_alive &&
         a.expects_continue == b.expects_continue;
}

std::string written(const HttpRequestHead& head) {
  std::string text = head.method + " " + head.path + " HTTP/1.1\r\nHost: a\r\nContent-Type: " + head.content_type;
  if (head.content_length) {
    text += "\r\nContent-Length: " + std::to_string(*head.content_length);
  }
  text += head.keep_alive ? "" : "\r\nConnection: close";
  return text + (head.expects_continue ? "\r\nExpect: 100-continue\r\n\r\n" : "\r\n\r\n");
}

// How often a line of the head begins so, in whichever letters.
int lines_with(std::string_view head, std::string_view begin) {
  int count = 0;
  for (std::size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at + 1)) {
    count += equals_ignoring_case(head.substr(at + 1, begin.size()), begin) ? 1 : 0;
  }
  return count;
}

void check_head(std::string_view text, const HttpRequestHead& head) {
  expect(text.size() <= kLimits.max_bytes && text.ends_with("\r\n\r\n"), "a head is bounded and ends in an empty line");
  expect(head.path.starts_with('/') && head.path.size() <= kLimits.max_target_bytes, "a path is one, and bounded");
  expect(std::ranges::all_of(head.path, [](char c) { return c > ' ' && c <= '~' && c != '?' && c != '#'; }),
         "a path is visible and has no query");
  for (const std::string_view end : {":", " ", "\t"}) {
    expect(lines_with(text, "transfer-encoding" + std::string(end)) == 0,
           "a head that is taken has no Transfer-Encoding");
  }
  expect(lines_with(text, "content-length:") == (head.content_length ? 1 : 0), "there is one length, which is read");
  const std::string again = written(head);
  const auto read = parse_head(again, {});
  expect(read.has_value() && same(*read, head), "a head that is written as it was read is read alike");
}

// A connection: what it has received and answered. `100 Continue` is not told: that depends on when the bytes come.
class Conversation {
 public:
  Conversation(const HttpExchange& exchange, bool known_client) : exchange_(exchange), known_client_(known_client) {}

  void receive(std::string_view bytes) {
    received_ += bytes;
    while (!over_ && (head_ || take_head()) && take_body()) {
    }
  }

  [[nodiscard]] const std::string& answers() const { return answers_; }

 private:
  // False while there is no whole head, or there will be none.
  bool take_head() {
    const auto end = find_head_end(received_, scanned_, kLimits);
    if (!end) {
      return refuse(end.error());
    }
    if (!*end) {
      return false;
    }
    const std::string_view text = std::string_view(received_).substr(0, **end);
    auto head = parse_head(text, kLimits);
    if (!head) {
      return refuse(head.error());
    }
    check_head(text, *head);
    if (const auto admitted = exchange_.admit(*head, known_client_); !admitted) {
      return refuse(admitted.error());
    }
    expect(head->content_length.value_or(0) <= kMaxBodyBytes, "a body that is waited for is bounded");
    head_ = *std::move(head);
    head_size_ = **end;
    return true;
  }

  bool take_body() {
    const auto body_size = static_cast<std::size_t>(head_->content_length.value_or(0));
    if (received_.size() - head_size_ < body_size) {
      return false;
    }
    over_ = !head_->keep_alive;
    answers_ += exchange_.answer(*head_, std::string_view(received_).substr(head_size_, body_size), over_);
    received_.erase(0, head_size_ + body_size);
    scanned_ = 0;
    head_.reset();
    return true;
  }

  bool refuse(const HttpRefusal& refusal) {
    expect(refusal.status >= 400 && refusal.status < 600 && !refusal.rule.empty(), "a refusal says of what rule it is");
    answers_ += refusal_text(refusal);
    over_ = true;
    return false;
  }

  const HttpExchange& exchange_;
  const bool known_client_;
  std::string received_;
  std::size_t scanned_ = 0;
  std::optional<HttpRequestHead> head_;
  std::size_t head_size_ = 0;
  std::string answers_;
  bool over_ = false;
};

std::string answers_to(const std::vector<std::string_view>& pieces, const HttpExchange& exchange, bool known_client) {
  Conversation conversation(exchange, known_client);
  for (const std::string_view piece : pieces) {
    conversation.receive(piece);
  }
  return conversation.answers();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const HttpExchange exchange(webhook_routes(), echo, kMaxBodyBytes);
  const auto ways = fuzz::splits({reinterpret_cast<const char*>(data), size});
  for (const bool known_client : {false, true}) {
    const std::string whole = answers_to(ways[0], exchange, known_client);
    expect(answers_to(ways[1], exchange, known_client) == whole, "byte by byte the same is answered");
    expect(answers_to(ways[2], exchange, known_client) == whole, "in pieces the same is answered");
  }
  return 0;
}
