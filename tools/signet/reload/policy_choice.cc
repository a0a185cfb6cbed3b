#include "tools/signet/reload/policy_choice.h"

#include <algorithm>
#include <iterator>

#include "signer/csr/sha256.h"

namespace signet {
namespace {

std::vector<std::string> texts_of(const std::vector<PolicyProblem>& problems) {
  std::vector<std::string> texts;
  std::ranges::transform(problems, std::back_inserter(texts), [](const PolicyProblem& problem) {
    return to_string(problem) + (problem.hint.empty() ? "" : "; " + problem.hint);
  });
  return texts;
}

}  // namespace

PolicyChoice::Outcome PolicyChoice::offer(const FileWatch::Text& text, bool asked) {
  waiting_.reset();
  if (asked) {
    told_.reset();
  }
  if (!text) {
    return refuse({}, {text.error()});
  }
  const std::string digest = sha256_hex(*text);
  if (digest == digest_) {
    told_.reset();
    const bool is_back = std::exchange(refused_, false);
    return {.kind = is_back ? Outcome::Kind::kBack : Outcome::Kind::kNothingNew, .before = digest, .file = digest};
  }
  auto file = policy_of_text(*text, path_);
  return file ? try_to_take(*std::move(file)) : refuse(digest, texts_of(file.error()));
}

PolicyChoice::Outcome PolicyChoice::retry() {
  std::optional<PolicyFile> file = std::exchange(waiting_, std::nullopt);
  return file ? try_to_take(*std::move(file)) : Outcome{};
}

PolicyChoice::Outcome PolicyChoice::try_to_take(PolicyFile file) {
  auto brought = bring_(file.policy);
  if (!brought) {
    std::string digest = file.policy->digest();
    if (brought.error().may_pass) {
      waiting_ = std::move(file);
    }
    return refuse(digest, std::move(brought.error().problems));
  }
  refused_ = false;
  told_.reset();
  std::string before = std::exchange(digest_, file.policy->digest());
  return {.kind = Outcome::Kind::kTaken,
          .before = std::move(before),
          .file = digest_,
          .problems = {},
          .warnings = std::move(file.warnings)};
}

PolicyChoice::Outcome PolicyChoice::refuse(const std::string& digest, std::vector<std::string> problems) {
  refused_ = true;
  Told told{digest, std::move(problems)};
  if (told == told_) {
    return {.kind = Outcome::Kind::kNothingNew, .before = digest_, .file = digest};
  }
  told_ = std::move(told);
  return {.kind = Outcome::Kind::kNotTaken, .before = digest_, .file = digest, .problems = told_->problems};
}

}  // namespace signet
