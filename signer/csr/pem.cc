#include "signer/csr/pem.h"

#include <optional>
#include <utility>

#include "signer/kube/base64.h"

namespace signet {
namespace {

// RFC 7468 §2: "exactly 64 characters except for the final line".
constexpr std::size_t kLineSize = 64;

// The lines of a text that all end alike. The last line may lack its end.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {
    const std::size_t feed = text.find('\n');
    crlf_ = feed != std::string_view::npos && feed > 0 && text[feed - 1] == '\r';
  }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::size_t number() const { return number_; }

  // The next line without its end, or nothing where it ends unlike the first one. `at_end()` must be false.
  [[nodiscard]] std::optional<std::string_view> next() {
    ++number_;
    const std::size_t feed = rest_.find('\n');
    std::string_view line = rest_.substr(0, feed);
    rest_.remove_prefix(feed == std::string_view::npos ? rest_.size() : feed + 1);
    if (crlf_ && feed != std::string_view::npos) {
      if (!line.ends_with('\r')) {
        return std::nullopt;
      }
      line.remove_suffix(1);
    }
    return line.find('\r') == std::string_view::npos ? std::optional(line) : std::nullopt;
  }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
  bool crlf_ = false;
};

struct Boundaries {
  std::string begin;
  std::string end;
};

// The content of the block whose first line is the next one.
tl::expected<std::string, std::string> read_block(Lines& lines, const Boundaries& boundaries) {
  const auto at = [&lines](std::string_view what) {
    return tl::unexpected("PEM line " + std::to_string(lines.number()) + ": " + std::string(what));
  };

  std::optional<std::string_view> line = lines.next();
  if (line != boundaries.begin) {
    return at("is not \"" + boundaries.begin + "\"");
  }
  std::string base64;
  bool last_line_seen = false;
  while (!lines.at_end()) {
    line = lines.next();
    if (!line) {
      return at("ends unlike the first line");
    }
    if (*line == boundaries.end) {
      const auto content = base64_decode(base64);
      if (!content) {
        return tl::unexpected("PEM block before line " + std::to_string(lines.number()) + ": " + content.error());
      }
      return *content;
    }
    if (line->empty() || line->size() > kLineSize || last_line_seen) {
      return at("base 64 comes in lines of 64 characters, of which only the last may be shorter");
    }
    last_line_seen = line->size() < kLineSize;
    base64 += *line;
  }
  return at("the text ends before \"" + boundaries.end + "\"");
}

}  // namespace

tl::expected<std::vector<std::string>, std::string> read_pem(std::string_view text, std::string_view label,
                                                             const PemLimits& limits) {
  if (text.empty()) {
    return tl::unexpected<std::string>("PEM: empty");
  }
  if (text.size() > limits.max_bytes) {
    return tl::unexpected("PEM: " + std::to_string(text.size()) + " bytes, of at most " +
                          std::to_string(limits.max_bytes));
  }
  const Boundaries boundaries{.begin = "-----BEGIN " + std::string(label) + "-----",
                              .end = "-----END " + std::string(label) + "-----"};
  Lines lines(text);
  std::vector<std::string> blocks;
  while (!lines.at_end()) {
    if (blocks.size() == limits.max_blocks) {
      return tl::unexpected("PEM line " + std::to_string(lines.number() + 1) + ": nothing may follow the " +
                            (limits.max_blocks == 1 ? "block" : std::to_string(limits.max_blocks) + " blocks"));
    }
    auto block = read_block(lines, boundaries);
    if (!block) {
      return tl::unexpected(std::move(block.error()));
    }
    blocks.push_back(std::move(*block));
  }
  return blocks;
}

}  // namespace signet
