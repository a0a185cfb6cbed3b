#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "policy/policy_loader.h"
#include "signer/kube/json.h"
#include "webhook/reviewer.h"

namespace signet {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("Each review of the test data is answered as expected") {
  const Policy policy(load_policy(read_file(SIGNET_TESTDATA "/policy.yaml"), "policy.yaml").value(), "digest");
  const auto expect = JsonDocument::parse(read_file(SIGNET_TESTDATA "/reviews/expect.json"));
  REQUIRE(expect);
  for (const JsonMember& expected : expect->root().members()) {
    const std::string name(expected.key);
    const std::string body = read_file(SIGNET_TESTDATA "/reviews/" + name + ".json");
    const auto document = JsonDocument::parse(body);
    REQUIRE(document);
    DYNAMIC_SECTION(name) {
      const auto reviewed =
          review(ReviewKind::kValidate, body,
                 {.policy = policy, .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}});
      REQUIRE(reviewed);
      const auto answer = JsonDocument::parse(reviewed->body);
      REQUIRE(answer);
      const JsonView response = answer->root().get("response");
      INFO(reviewed->body);
      CHECK(response.get("uid").as_string() == document->root().at("request", "uid").as_string());
      CHECK(response.get("allowed").as_bool() == expected.value.get("allowed").as_bool());
      CHECK(response.at("status", "reason").as_string() == expected.value.get("reason").as_string());
      if (const auto reason = expected.value.get("reason").as_string()) {
        CHECK(response.at("status", "code").as_int64() == 403);
        CHECK(response.at("status", "message").as_string()->starts_with("signet: " + std::string(*reason) + ": "));
      }
    }
  }
  CHECK(expect->root().size() == 28);
}

}  // namespace
}  // namespace signet
