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

// policy/policy.schema.json, with its maps and its values gathered by their paths ("spec.tenants[].name"; of a map with
// free keys "spec….matchLabels{key}" and "spec….matchLabels{}").
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
  std::map<std::string, std::set<std::set<std::string>>> alternatives;  // keys of a map of which one must be there
  std::map<std::string, JsonView> texts;
  std::map<std::string, JsonView> numbers;
  std::set<std::string> flags;

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
    if (type == "object" && node.get("propertyNames").exists()) {
      CHECK(node.get("minProperties").as_int64() == 1);
      gather(path + "{key}", node.get("propertyNames"));
      gather(path + "{}", node.get("additionalProperties"));
    } else if (type == "object") {
      CHECK(node.get("additionalProperties").as_bool() == false);
      Keys& keys = maps[path];
      for (const JsonMember property : node.get("properties").members()) {
        keys[std::string(property.key)] = false;
        gather(path.empty() ? std::string(property.key) : path + "." + std::string(property.key), property.value);
      }
      for (const std::string& required : texts_of(node.get("required"))) {
        keys[required] = true;
      }
      gather_alternatives(path, node);
      for (const JsonView all : node.get("allOf").elements()) {
        gather_alternatives(path, all);
      }
    } else if (type == "array") {
      CHECK(node.get("minItems").as_int64() == 1);
      gather(path + "[]", node.get("items"));
    } else if (type == "integer") {
      numbers[path] = node;
    } else if (type == "boolean") {
      flags.insert(path);
    } else {
      REQUIRE(type == "string");
      texts[path] = node;
    }
  }

  void gather_alternatives(const std::string& path, JsonView node) {
    std::set<std::string> keys;
    for (const JsonView one : node.get("anyOf").elements()) {
      keys.merge(texts_of(one.get("required")));
    }
    if (!keys.empty()) {
      alternatives[path].insert(keys);
    }
  }

  static std::set<std::string> texts_of(JsonView list) {
    std::set<std::string> texts;
    for (const JsonView text : list.elements()) {
      texts.emplace(text.as_string().value());
    }
    return texts;
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

// A policy that has every key. Each <path=value> stands for the value, in quotes if it is a text.
constexpr std::string_view kEverything = R"(
apiVersion: <apiVersion=signet/v1alpha1>
kind: <kind=SignerPolicy>
metadata: {name: <metadata.name=p>}
spec:
  trustDomains: [<spec.trustDomains[]=cluster.local>]
  signerDomain: <spec.signerDomain=example.com>
  defaultSigner: <spec.defaultSigner=usual>
  rootNamespace: <spec.rootNamespace=istio-system>
  routedSigner: <spec.routedSigner=routed>
  otherSigners: <spec.otherSigners=deny>
  certificateRequests: <spec.certificateRequests=deny>
  requesters: [<spec.requesters[]=istiod>]
  requesterGroups: [<spec.requesterGroups[]=operators>]
  namespaceAdmins: [<spec.namespaceAdmins[]=platform>]
  issuers: [<spec.issuers[]=signer>]
  lockedVariables:
  - name: <spec.lockedVariables[].name=ISTIO_META_NETWORK>
    values: [<spec.lockedVariables[].values[]=one>]
  signers:
  - name: <spec.signers[].name=own>
    secretName: <spec.signers[].secretName=secret>
    approval: <spec.signers[].approval=external>
    certificate:
      keys: [<spec.signers[].certificate.keys[]=ECDSA-P256>]
      usages: [<spec.signers[].certificate.usages[]=server auth>]
      minDuration: <spec.signers[].certificate.minDuration=10m>
      maxDuration: <spec.signers[].certificate.maxDuration=596523h>
      durationOutOfBounds: <spec.signers[].certificate.durationOutOfBounds=clamp>
  certificate:
    keys: [<spec.certificate.keys[]=ECDSA-P256>]
    usages: [<spec.certificate.usages[]=server auth>]
    minDuration: <spec.certificate.minDuration=10m>
    maxDuration: <spec.certificate.maxDuration=596523h>
    durationOutOfBounds: <spec.certificate.durationOutOfBounds=clamp>
  modes:
<spec.modes>
  tenants:
  - name: <spec.tenants[].name=t>
    namespaces: [<spec.tenants[].namespaces[]=ns>]
    namespaceSelector:
      matchLabels: {<spec.tenants[].namespaceSelector.matchLabels{key}=team>: <spec.tenants[].namespaceSelector.matchLabels{}=t>}
      matchExpressions:
      - key: <spec.tenants[].namespaceSelector.matchExpressions[].key=team>
        operator: <spec.tenants[].namespaceSelector.matchExpressions[].operator=In>
        values: [<spec.tenants[].namespaceSelector.matchExpressions[].values[]=t>]
    signers: [<spec.tenants[].signers[]=own>]
    serviceAccounts:
    - name: <spec.tenants[].serviceAccounts[].name=batch>
      namespace: <spec.tenants[].serviceAccounts[].namespace=ns>
      signers: [<spec.tenants[].serviceAccounts[].signers[]=own>]
    dnsNames: [<spec.tenants[].dnsNames[]=one.svc>]
    services:
    - dnsNames: [<spec.tenants[].services[].dnsNames[]=two.svc>]
      ipAddresses: [<spec.tenants[].services[].ipAddresses[]=10.0.0.1>]
      requesters: [<spec.tenants[].services[].requesters[]=alice>]
      requesterGroups: [<spec.tenants[].services[].requesterGroups[]=friends>]
    requesters: [<spec.tenants[].requesters[]=self>]
    requesterGroups: [<spec.tenants[].requesterGroups[]=friends>]
    certificate:
      keys: [<spec.tenants[].certificate.keys[]=ECDSA-P256>]
      usages: [<spec.tenants[].certificate.usages[]=server auth>]
      minDuration: <spec.tenants[].certificate.minDuration=10m>
      maxDuration: <spec.tenants[].certificate.maxDuration=596523h>
      durationOutOfBounds: <spec.tenants[].certificate.durationOutOfBounds=clamp>
    quota: {perMinute: <spec.tenants[].quota.perMinute=1>, burst: <spec.tenants[].quota.burst=1>}
    suspended: <spec.tenants[].suspended=false>
    modes:
<spec.tenants[].modes>
)";

// The policy that has every key, with `value` at `path`.
std::string policy_with(const std::string& path, const std::string& value) {
  const std::set<std::string> unquoted = {"spec.tenants[].quota.perMinute", "spec.tenants[].quota.burst",
                                          "spec.tenants[].suspended"};
  const auto written = [&](const std::string& here, const std::string& usual) {
    const std::string& text = here == path ? value : usual;
    return unquoted.contains(here) ? text : "\"" + text + "\"";
  };
  std::string yaml;
  std::string_view rest = kEverything;
  while (true) {
    const std::size_t begin = rest.find('<');
    yaml += rest.substr(0, begin);
    if (begin == std::string_view::npos) {
      return yaml;
    }
    const std::size_t end = rest.find('>', begin);
    const std::string place(rest.substr(begin + 1, end - begin - 1));
    if (const std::size_t equals = place.find('='); equals != std::string::npos) {
      yaml += written(place.substr(0, equals), place.substr(equals + 1));
    } else {
      for (const PolicyKey& mode : kModesKeys) {
        yaml.append("      ").append(mode.name).append(": ");
        yaml += written(place + "." + std::string(mode.name), "enforce") + "\n";
      }
    }
    rest.remove_prefix(end + 1);
  }
}

// Whether the loader takes `value` at `path` of such a policy; what it says of other places is not asked.
bool loader_accepts(const std::string& path, const std::string& value) {
  const std::string yaml = policy_with(path, value);
  REQUIRE(yaml.find(value) != std::string::npos);
  const auto model = load_policy(yaml, "p.yaml");
  if (model) {
    return true;
  }
  std::string place = std::regex_replace(path, std::regex(R"(\[\])"), "[0]");
  place = std::regex_replace(place, std::regex(R"(\{key\})"), "");
  place = std::regex_replace(place, std::regex(R"(\{\})"), ".team") + ": ";
  return std::ranges::none_of(model.error(), [&](const PolicyProblem& problem) {
    INFO(to_string(problem));
    REQUIRE((problem.rule == PolicyRule::kInvalidValue || problem.rule == PolicyRule::kUnknownSigner ||
             problem.rule == PolicyRule::kRoutedSignerTaken || problem.rule == PolicyRule::kWrongType));
    return (problem.rule == PolicyRule::kInvalidValue || problem.rule == PolicyRule::kWrongType) &&
           problem.message.starts_with(place);
  });
}

TEST_CASE("The policy that has every key loads") {
  const auto model = load_policy(policy_with("", ""), "p.yaml");
  INFO((model ? "" : to_string(model.error().front())));
  CHECK(model);
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
                                   "a.*",
                                   "*.",
                                   "*.*.a",
                                   "*",
                                   "**",
                                   "a*",
                                   "a-*",
                                   "-a*",
                                   "*a",
                                   "*-a",
                                   "*a-",
                                   "*a*",
                                   "a*b",
                                   std::string(62, 'a') + "*",
                                   std::string(63, 'a') + "*",
                                   "*" + std::string(62, 'a'),
                                   "*" + std::string(63, 'a'),
                                   "a.b/c",
                                   "a/B_c.d",
                                   "A/b",
                                   "a/b/c",
                                   "/a",
                                   "a/",
                                   "A_b.C",
                                   "_a",
                                   std::string(253, 'a') + "/a",
                                   std::string(254, 'a') + "/a",
                                   "a/" + std::string(63, 'a'),
                                   "a/" + std::string(64, 'a'),
                                   "ISTIO_META_CERT_SIGNER",
                                   "ISTIO_META_CERT_SIGNERS",
                                   "0A",
                                   "10.0.0.1",
                                   "10.0.0.01",
                                   "10.0.0.256",
                                   "2001:db8::1",
                                   "2001:DB8::1",
                                   "2001:db8:0::1",
                                   "::",
                                   std::string(63, 'a'),
                                   std::string(64, 'a'),
                                   std::string(126, 'a') + "." + std::string(126, 'a'),
                                   std::string(126, 'a') + "." + std::string(127, 'a'),
                                   "*." + std::string(125, 'a') + "." + std::string(125, 'a'),
                                   "*." + std::string(125, 'a') + "." + std::string(126, 'a'),
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
  for (const std::span<const std::string_view> choices : std::vector<std::span<const std::string_view>>{
           kOtherSignersChoices, kCertificateRequestsChoices, kOutOfBoundsChoices, kApprovalChoices, kModeChoices,
           kOperatorChoices}) {
    samples.insert(choices.begin(), choices.end());
  }
  for (const auto& [path, text] : schema.texts) {
    int taken = 0;
    for (const std::string& value : samples) {
      CAPTURE(path, value);
      const bool loads = loader_accepts(path, value);
      taken += loads ? 1 : 0;
      if (path.ends_with(".ipAddresses[]")) {
        CHECK((accepts(text, value) || !loads));  // which letters and digits make an address is the loader's to say
      } else {
        CHECK(accepts(text, value) == loads);
      }
    }
    CAPTURE(path);
    CHECK(taken > 0);
  }
}

TEST_CASE("A lifetime's bounds are all that the schema leaves to the loader, beside addresses") {
  const Schema schema;
  for (const std::string of : {"spec", "spec.signers[]", "spec.tenants[]"}) {
    for (const std::string bound : {"minDuration", "maxDuration"}) {
      for (const std::string value : {"9m59s", "596524h"}) {
        const std::string path = of + ".certificate." + bound;
        CAPTURE(path, value);
        CHECK(accepts(schema.texts.at(path), value));
        CHECK_FALSE(loader_accepts(path, value));
      }
    }
  }
}

TEST_CASE("The schema takes the very numbers and flags that the loader takes") {
  const Schema schema;
  CHECK(schema.numbers.size() == 2);
  for (const auto& [path, number] : schema.numbers) {
    const std::int64_t least = number.get("minimum").as_int64().value();
    const std::int64_t most = number.get("maximum").as_int64().value();
    CAPTURE(path);
    CHECK_FALSE(loader_accepts(path, std::to_string(least - 1)));
    CHECK(loader_accepts(path, std::to_string(least)));
    CHECK(loader_accepts(path, std::to_string(most)));
    CHECK_FALSE(loader_accepts(path, std::to_string(most + 1)));
    for (const std::string no_number : {"\"5\"", "05", "5.0", "5e0", "0x5", "+5", "five", "[5]", "~"}) {
      CAPTURE(no_number);
      CHECK_FALSE(loader_accepts(path, no_number));
    }
  }
  CHECK(schema.flags == std::set<std::string>{"spec.tenants[].suspended"});
  for (const std::string& path : schema.flags) {
    CHECK(loader_accepts(path, "true"));
    CHECK(loader_accepts(path, "false"));
    for (const std::string no_flag : {"yes", "True", "\"true\"", "1", "~", "[true]"}) {
      CAPTURE(no_flag);
      CHECK_FALSE(loader_accepts(path, no_flag));
    }
  }
}

TEST_CASE("Where one of several keys must be there, the schema and the loader say so of the same keys") {
  std::map<std::string, std::set<std::set<std::string>>> known;
  for (const auto& [keys_there, missing] : std::vector<std::pair<std::string, std::string>>{
           {"{name: a, signers: [a]}", "\"namespaces\" and \"namespaceSelector\""},
           {"{name: a, signers: [a], namespaces: [a], services: [{requesters: [b]}]}",
            "\"dnsNames\" and \"ipAddresses\""},
           {"{name: a, signers: [a], namespaces: [a], services: [{dnsNames: [a.b]}]}",
            "\"requesters\" and \"requesterGroups\""}}) {
    const auto model = load_policy(
        "{apiVersion: signet/v1alpha1, kind: SignerPolicy, metadata: {name: p}, spec: {trustDomains: [a], "
        "signerDomain: "
        "a.b, requesters: [c], certificate: {keys: [RSA-2048], usages: [server auth], maxDuration: 1h}, tenants: [" +
            keys_there + "]}}",
        "p.yaml");
    REQUIRE_FALSE(model);
    REQUIRE(model.error().size() == 1);
    static const std::regex kMissing(R"re(^(\S+): one of the keys "(\w+)" and "(\w+)" is missing$)re");
    std::smatch found;
    REQUIRE(std::regex_match(model.error().front().message, found, kMissing));
    CHECK_THAT(found.str(), Catch::Contains(missing));
    known[std::regex_replace(found.str(1), std::regex(R"(\[0\])"), "[]")].insert({found.str(2), found.str(3)});
  }
  CHECK(Schema().alternatives == known);
}

}  // namespace
}  // namespace signet
