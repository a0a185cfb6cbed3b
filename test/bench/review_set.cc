// Answers each of testdata's reviews, by both paths, a fixed number of times, and parses its certificate request each
// time as if it had never been seen: what the same source always does in the same number of instructions. Usage:
// review_set POLICY REVIEW…
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/policy_loader.h"
#include "signer/audit/audit_line.h"
#include "signer/csr/pkcs10.h"
#include "signer/kube/base64.h"
#include "signer/kube/json.h"
#include "webhook/reviewer.h"

namespace signet {
namespace {

constexpr int kRepetitions = 20;

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Review {
  std::string body;
  std::string request;  // PEM; empty where there is none
};

Review review_in(const std::string& path) {
  Review review{.body = text_of(path), .request = {}};
  if (const auto document = JsonDocument::parse(review.body)) {
    const auto request = document->root().at("request", "object", "spec", "request").as_string();
    review.request = base64_decode(request.value_or("")).value_or("");
  }
  return review;
}

std::size_t answer_all(const std::vector<Review>& reviews, const ReviewContext& context) {
  std::size_t bytes = 0;
  for (const auto& [body, request] : reviews) {
    if (!request.empty() && parse_pkcs10(request)) ++bytes;
    for (const ReviewKind kind : {ReviewKind::kMutate, ReviewKind::kValidate}) {
      const auto answered = review(kind, body, context);
      bytes += answered ? answered->body.size() : 0;
      if (answered && answered->record) bytes += audit_members(*answered->record).size();
    }
  }
  return bytes;
}

}  // namespace

// What is counted, by its name: without what is done once.
[[gnu::noinline]] std::size_t measured_reviews(const std::vector<Review>& reviews, const ReviewContext& context) {
  std::size_t bytes = 0;
  for (int i = 0; i < kRepetitions; ++i) bytes += answer_all(reviews, context);
  return bytes;
}

}  // namespace signet

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: review_set POLICY REVIEW…\n";
    return EXIT_FAILURE;
  }
  auto model = signet::load_policy(signet::text_of(argv[1]), argv[1]);
  if (!model) {
    std::cerr << to_report(model.error().front()) << "\n";
    return EXIT_FAILURE;
  }
  const signet::Policy policy(*std::move(model), {});
  const signet::KnownNamespaces namespaces;
  const signet::ReviewContext context{
      .policy = policy, .namespaces = namespaces, .issuers = nullptr, .self = {}, .now = {}};
  std::vector<signet::Review> reviews;
  for (int i = 2; i < argc; ++i) reviews.push_back(signet::review_in(argv[i]));
  if (signet::answer_all(reviews, context) == 0 || signet::measured_reviews(reviews, context) == 0) {
    std::cerr << "no review was answered\n";
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
