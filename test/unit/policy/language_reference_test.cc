#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "policy/policy_language.h"
#include "policy/policy_loader.h"

using namespace signet;

namespace {

// The fields that an example of policy/LANGUAGE.md does not state.
const std::map<std::string, std::string> kUsual = {
    {"trustDomains", "trustDomains: [cluster.local]\n"},
    {"signerDomain", "signerDomain: signers.example.com\n"},
    {"requesters", "requesters: [istiod]\n"},
    {"certificate", "certificate: {keys: [ECDSA-P256], usages: [server auth], maxDuration: 24h}\n"},
    {"tenants", "tenants:\n- {name: orders, namespaces: [orders], signers: [orders]}\n"}};

std::string reference() {
  std::ifstream in(SIGNET_TESTDATA "/../../policy/LANGUAGE.md");
  REQUIRE(in);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Example {
  std::string yaml;
  std::string error;  // empty: it loads
};

// Each YAML block; one that a text block follows is an error case, and the text what is said of it.
std::vector<Example> examples_in(const std::string& text) {
  std::vector<Example> examples;
  std::istringstream lines(text);
  std::string line;
  std::string* block = nullptr;
  while (std::getline(lines, line)) {
    if (line == "```yaml") {
      block = &examples.emplace_back().yaml;
    } else if (line == "```text") {
      block = &examples.back().error;
    } else if (line == "```") {
      block = nullptr;
    } else if (block != nullptr) {
      *block += line + "\n";
    }
  }
  return examples;
}

// A whole policy of the fields of an example, and the usual ones where it has none.
std::string policy_with(const std::string& example) {
  std::map<std::string, std::string> fields = kUsual;
  std::string* field = nullptr;
  std::istringstream lines(example);
  for (std::string line; std::getline(lines, line);) {
    if (line.front() != ' ' && line.front() != '-') {
      field = &(fields[line.substr(0, line.find(':'))] = "");
    }
    *field += line + "\n";
  }
  std::string policy = "apiVersion: signet/v1alpha1\nkind: SignerPolicy\nmetadata: {name: p}\nspec:\n";
  for (const auto& [name, text] : fields) {
    std::istringstream of_field(text);
    for (std::string line; std::getline(of_field, line);) {
      policy += "  " + line + "\n";
    }
  }
  return policy;
}

}  // namespace

TEST_CASE("Every example of the reference loads, and every error case says what it says") {
  const std::vector<Example> examples = examples_in(reference());
  CHECK(examples.size() > 30);
  for (const Example& example : examples) {
    const std::string policy = policy_with(example.yaml);
    INFO(policy);
    const auto loaded = load_policy(policy, "policy.yaml");
    if (example.error.empty()) {
      INFO((loaded ? "" : to_report(loaded.error().front())));
      CHECK(loaded);
    } else {
      REQUIRE_FALSE(loaded);
      CHECK(loaded.error().size() == 1);
      CHECK_THAT(loaded.error().front().message, Catch::StartsWith(example.error.substr(0, example.error.size() - 1)));
    }
  }
}

TEST_CASE("The reference names every key of the language") {
  const std::string text = reference();
  for (const PolicyMap& map : kPolicyMaps) {
    for (const PolicyKey& key : map.keys) {
      CAPTURE(map.path, key.name);
      CHECK(text.find(key.name) != std::string::npos);
    }
  }
}
