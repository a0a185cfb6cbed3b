#include "signer/csr/recent_requests.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "signer/csr/pkcs10.h"
#include "test/unit/csr/facts_text.h"
#include "test/unit/csr/request_builder.h"

namespace signet {
namespace {

using test::to_text;

// More different requests than are remembered, some of them no requests, and one whose signature does not verify.
std::vector<std::string> many_requests() {
  const std::string whole = test::pem(test::RequestBuilder().build());
  std::vector<std::string> requests;
  for (std::size_t at = 0; requests.size() < 2 * kRecentRequests; at = (at + 1) % whole.size()) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (requests.size() < whole.size() ? 1 : 2));
    requests.push_back(std::move(changed));
  }
  requests.push_back(whole);
  requests.emplace_back();
  return requests;
}

TEST_CASE("what is remembered of a request is what it says, however often and in which order it is asked") {
  const std::vector<std::string> requests = many_requests();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const std::string& request = requests[(i * 7919) % requests.size()];
      REQUIRE(to_text(parse_recent_pkcs10(request)) == to_text(parse_pkcs10(request)));
      REQUIRE(to_text(parse_recent_pkcs10(request)) == to_text(parse_pkcs10(request)));
    }
  }
}

TEST_CASE("threads that ask for the same requests at once are told the same") {
  const std::vector<std::string> requests = many_requests();
  std::vector<std::string> expected;
  for (const std::string& request : requests) expected.push_back(to_text(parse_pkcs10(request)));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const std::size_t at = (i * (t + 1)) % requests.size();
        wrong[t] += to_text(parse_recent_pkcs10(requests[at])) == expected[at] ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

}  // namespace
}  // namespace signet
