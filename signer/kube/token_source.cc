#include "signer/kube/token_source.h"

#include <algorithm>
#include <string_view>

#include "signer/kube/bounded_file.h"
#include "signer/kube/kubeconfig.h"

namespace signet {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) + 1 - begin);
}

// What may stand in an Authorization header (RFC 6750 §2.1 allows less, but this is what could break the framing).
bool is_header_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

}  // namespace

tl::expected<std::string, std::string> TokenSource::current() {
  const std::lock_guard lock(mutex_);
  if (file_.empty()) return token_;

  const FileStamp now = FileStamp::of(file_);
  if (now == seen_) return token_;

  const auto text = read_bounded_file(file_, kMaxAccessFileBytes);
  if (!text) return tl::unexpected(text.error());
  const std::string_view token = trim(*text);
  if (token.empty()) return tl::unexpected(file_ + ": no token");
  if (!is_header_text(token)) return tl::unexpected(file_ + ": not a token: white space or bytes beyond ASCII");
  token_ = token;
  seen_ = now;
  return token_;
}

std::optional<std::string> TokenSource::instead_of(const std::string& refused) {
  {
    const std::lock_guard lock(mutex_);
    seen_.reset();
  }
  const auto now = current();
  if (!now || *now == refused) return std::nullopt;
  return *now;
}

}  // namespace signet
