#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <span>
#include <sstream>

#include "policy/policy_language.h"
#include "policy/policy_loader.h"
#include "signer/kube/json.h"

namespace signet {
namespace {

// policy/policy.schema.json, with its maps and its texts gathered by their paths ("spec.tenants[].name").
class Schema {
 public:
  using Keys = std::map<std::string, bool>;  // whether each is required

  Schema() {
    std::ifstream file(SIGNET_TESTDATA "/../../policy/policy.schema.json", std::ios::binary);
    REQUIRE(file);
    std::ostringstream text;
    text << file.rdbuf();
    auto document = JsonDocument::parse(text.str());
    REQUIRE(document);
    document_ = std::make_unique<JsonDocument>(*std::move(document));
    gather("", document_->root());
  }

  std::map<std::string, Keys> maps;
  std::map<std::string, JsonView> texts;

 private:
  void gather(const std::string& path, JsonView node) {
    CAPTURE(path);
    if (const auto reference = node.get("$ref").as_string()) {
      constexpr std::string_view kPrefix = "#/definitions/";
      REQUIRE(reference->starts_with(kPrefix));
      node = document_->root().get("definitions").get(reference->substr(kPrefix.size()));
    }
    CHECK_FALSE(node.get("description").as_string().value_or("").empty());
    const std::string_view type = node.get("type").as_string().value_or("");
    if (type == "object") {
      CHECK(node.get("additionalProperties").as_bool() == false);
      Keys& keys = maps[path];
      for (const JsonMember property : node.get("properties").members()) {
        keys[std::string(property.key)] = false;
        gather(path.empty() ? std::string(property.key) : path + "." + std::string(property.key), property.value);
      }
      for (const JsonView required : node.get("required").elements()) {
        keys[std::string(required.as_string().value())] = true;
      }
    } else if (type == "array") {
      CHECK(node.get("minItems").as_int64() == 1);
      gather(path + "[]", node.get("items"));
    } else {
      REQUIRE(type == "string");
      texts[path] = node;
    }
  }

  std::unique_ptr<JsonDocument> document_;
};

bool accepts(JsonView text, const std::string& value) {
  if (const auto only = text.get("const").as_string()) {
    return value == *only;
  }
  if (text.get("enum").exists()) {
    std::set<std::string_view> choices;
    for (const JsonView choice : text.get("enum").elements()) {
      choices.insert(choice.as_string().value());
    }
    return choices.contains(value);
  }
  const auto longest = text.get("maxLength").as_int64();
  return (!longest || value.size() <= static_cast<std::size_t>(*longest)) &&
         std::regex_search(value, std::regex(std::string(text.get("pattern").as_string().value())));
}

// Whether the loader takes `value` at `path` of a policy that has every key; what it says of other places is not asked.
bool loader_accepts(const std::string& path, const std::string& value) {
  const auto at = [&](std::string_view here, const std::string& usual) {
    return "\"" + (here == path ? value : usual) + "\"";
  };
  const auto limits = [&](const std::string& of) {
    return "{keys: [" + at(of + ".keys[]", "ECDSA-P256") + "], usages: [" + at(of + ".usages[]", "server auth") +
           "], maxDuration: " + at(of + ".maxDuration", "1h") + "}";
  };
  const std::string yaml =
      "apiVersion: " + at("apiVersion", "signet/v1alpha1") + "\nkind: " + at("kind", "SignerPolicy") +
      "\nmetadata: {name: " + at("metadata.name", "p") + "}\nspec:\n  trustDomains: [" +
      at("spec.trustDomains[]", "cluster.local") + "]\n  signerDomain: " + at("spec.signerDomain", "example.com") +
      "\n  defaultSigner: " + at("spec.defaultSigner", "usual") +
      "\n  rootNamespace: " + at("spec.rootNamespace", "istio-system") +
      "\n  routedSigner: " + at("spec.routedSigner", "routed") +
      "\n  otherSigners: " + at("spec.otherSigners", "deny") +
      "\n  certificateRequests: " + at("spec.certificateRequests", "deny") + "\n  requesters: [" +
      at("spec.requesters[]", "istiod") + "]\n  issuers: [" + at("spec.issuers[]", "signer") +
      "]\n  signers: [{name: " + at("spec.signers[].name", "own") +
      ", secretName: " + at("spec.signers[].secretName", "secret") +
      "}]\n  certificate: " + limits("spec.certificate") + "\n  tenants:\n  - name: " + at("spec.tenants[].name", "t") +
      "\n    namespaces: [" + at("spec.tenants[].namespaces[]", "ns") + "]\n    signers: [" +
      at("spec.tenants[].signers[]", "own") + "]\n    dnsNames: [" + at("spec.tenants[].dnsNames[]", "a.svc") +
      "]\n    requesters: [" + at("spec.tenants[].requesters[]", "self") +
      "]\n    certificate: " + limits("spec.tenants[].certificate") + "\n";
  REQUIRE(yaml.find("\"" + value + "\"") != std::string::npos);
  const auto model = load_policy(yaml, "p.yaml");
  if (model) {
    return true;
  }
  const std::string place = std::regex_replace(path, std::regex(R"(\[\])"), "[0]") + ": ";
  return std::ranges::none_of(model.error(), [&](const PolicyProblem& problem) {
    REQUIRE((problem.rule == PolicyRule::kInvalidValue || problem.rule == PolicyRule::kUnknownSigner ||
             problem.rule == PolicyRule::kRoutedSignerTaken));
    return problem.rule == PolicyRule::kInvalidValue && problem.message.starts_with(place);
  });
}

TEST_CASE("The schema has every key of the policy language, with the same ones required, and no other") {
  std::map<std::string, Schema::Keys> known;
  for (const PolicyMap& map : kPolicyMaps) {
    for (const PolicyKey& key : map.keys) {
      known[std::string(map.path)][std::string(key.name)] = key.required;
    }
  }
  CHECK(Schema().maps == known);
}

TEST_CASE("The schema takes the very texts that the loader takes") {
  const Schema schema;
  std::set<std::string> samples = {"",
                                   "a",
                                   "A",
                                   "0",
                                   "-a",
                                   "a-",
                                   "a-b",
                                   "a_b",
                                   "a b",
                                   "a.b",
                                   "a..b",
                                   ".a",
                                   "a.",
                                   "a.-b",
                                   "é",
                                   "a:b",
                                   "system:serviceaccount:a:b",
                                   "self",
                                   "*.a.svc",
                                   std::string(63, 'a'),
                                   std::string(64, 'a'),
                                   std::string(126, 'a') + "." + std::string(126, 'a'),
                                   std::string(126, 'a') + "." + std::string(127, 'a'),
                                   std::string(255, 'a'),
                                   std::string(256, 'a'),
                                   "10m",
                                   "1h30m",
                                   "1h0s",
                                   "3600s",
                                   "596523h",
                                   "30m1h",
                                   "1h1h",
                                   "1d",
                                   "-1h",
                                   "1.5h",
                                   "h"};
  for (const auto& [path, text] : schema.texts) {
    for (const JsonView one : text.get("enum").elements()) {
      samples.emplace(one.as_string().value());
    }
    if (const auto only = text.get("const").as_string()) {
      samples.emplace(*only);
    }
  }
  for (const KeyType type : kKeyTypes) {
    samples.emplace(to_string(type));
  }
  for (const Usage usage : kUsages) {
    samples.emplace(to_string(usage));
  }
  for (const std::span<const std::string_view> choices :
       {std::span<const std::string_view>(kOtherSignersChoices),
        std::span<const std::string_view>(kCertificateRequestsChoices)}) {
    samples.insert(choices.begin(), choices.end());
  }
  for (const auto& [path, text] : schema.texts) {
    int taken = 0;
    for (const std::string& value : samples) {
      CAPTURE(path, value);
      const bool loads = loader_accepts(path, value);
      taken += loads ? 1 : 0;
      CHECK(accepts(text, value) == loads);
    }
    CAPTURE(path);
    CHECK(taken > 0);
  }
}

TEST_CASE("A lifetime's bounds are all that the schema leaves to the loader") {
  const Schema schema;
  for (const std::string path : {"spec.certificate.maxDuration", "spec.tenants[].certificate.maxDuration"}) {
    for (const std::string value : {"9m59s", "596524h"}) {
      CAPTURE(path, value);
      CHECK(accepts(schema.texts.at(path), value));
      CHECK_FALSE(loader_accepts(path, value));
    }
  }
}

}  // namespace
}  // namespace signet
