#include "policy/policy_test_file.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "policy/duration.h"
#include "policy/policy_fields.h"
#include "policy/quoting.h"

namespace signet {
namespace {

constexpr std::string_view kTestKind = "SignerPolicyTest";
constexpr std::string_view kGranted = "granted";
constexpr std::string_view kNotOurs = "not-ours";

constexpr std::array kTestKeys = {PolicyKey{"apiVersion", kRequired}, PolicyKey{"kind", kRequired},
                                  PolicyKey{"policy", kRequired}, PolicyKey{"cases", kRequired}};
constexpr std::array kSketchedCaseKeys = {PolicyKey{"name", kRequired},
                                          PolicyKey{"identity"},
                                          PolicyKey{"dnsNames"},
                                          PolicyKey{"ipAddresses"},
                                          PolicyKey{"namespaceLabels"},
                                          PolicyKey{"signer", kRequired},
                                          PolicyKey{"requester"},
                                          PolicyKey{"groups"},
                                          PolicyKey{"key"},
                                          PolicyKey{"usages"},
                                          PolicyKey{"duration"},
                                          PolicyKey{"mutate"},
                                          PolicyKey{"expect", kRequired},
                                          PolicyKey{"wouldDeny"},
                                          PolicyKey{"grantedSigner"},
                                          PolicyKey{"grantedLifetime"}};
constexpr std::array kFileCaseKeys = {
    PolicyKey{"name", kRequired}, PolicyKey{"file", kRequired},   PolicyKey{"namespaceLabels"}, PolicyKey{"requester"},
    PolicyKey{"groups"},          PolicyKey{"expect", kRequired}, PolicyKey{"wouldDeny"}};

// What is printed as it stands must not speak to the terminal, nor is every control character one of XML's.
bool is_plain_text(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; });
}

// Reads the tree and gathers what is wrong with it; goes on after each problem.
class PolicyTestReader {
 public:
  explicit PolicyTestReader(std::string_view file) : fields_(file) {}

  PolicyTestFile read(const YamlNode& root) {
    const PolicyField top{&root, ""};
    PolicyTestFile test;
    if (!fields_.expect_map(top, kTestKeys)) {
      return test;
    }
    fields_.expect_text(top.field("apiVersion"), kPolicyApiVersion);
    fields_.expect_text(top.field("kind"), kTestKind);
    if (const PolicyField policy = top.field("policy"); policy.node != nullptr) {
      test.policy = text(policy);
      test.policy_mark = policy.node->mark;
    }
    std::unordered_map<std::string, int> line_of;
    fields_.each_item(top.field("cases"), [&](const PolicyField& item) {
      PolicyTestCase read = read_case(item);
      if (read.name.empty()) {
        return;
      }
      if (const auto [first, added] = line_of.emplace(read.name, read.mark.line); !added) {
        fields_.problem(PolicyRule::kRepeatedValue, item.field("name"),
                        in_quotes(read.name) + " is the case in line " + std::to_string(first->second) + " already");
      }
      test.cases.push_back(std::move(read));
    });
    return test;
  }

  std::vector<PolicyProblem> take_problems() { return fields_.take_problems(); }

 private:
  // Empty where it is absent or wrong.
  std::string text(const PolicyField& at) {
    return fields_.name(at, is_plain_text, "a text of one line, without control characters");
  }

  std::vector<std::string> texts(const PolicyField& at) {
    std::vector<std::string> texts;
    fields_.each_item(at, [&](const PolicyField& item) { texts.push_back(text(item)); });
    return texts;
  }

  std::optional<std::chrono::seconds> duration(const PolicyField& at) {
    const std::string written = fields_.name(
        at, [](std::string_view value) { return parse_duration(value).has_value(); },
        "a duration such as 24h or 1h30m (at most 596523h)");
    return written.empty() ? std::nullopt : parse_duration(written);
  }

  PolicyTestCase read_case(const PolicyField& at) {
    PolicyTestCase read;
    read.mark = at.node->mark;
    const bool of_file = at.node->find("file") != nullptr;
    if (!fields_.expect_map(at, of_file ? std::span<const PolicyKey>(kFileCaseKeys) : kSketchedCaseKeys)) {
      return read;
    }
    read.name = text(at.field("name"));
    if (of_file) {
      read.file = text(at.field("file"));
      read.file_mark = at.field("file").node->mark;
    } else {
      read_sketch(at, read.sketch);
    }
    if (const PolicyField labels = at.field("namespaceLabels"); labels.node != nullptr) {
      read.sketch.namespace_labels.emplace();
      for (auto& [key, value] : fields_.labels(labels)) {
        read.sketch.namespace_labels->emplace(std::move(key), std::move(value));
      }
    }
    read.sketch.requester = text(at.field("requester"));
    if (of_file && read.sketch.requester == kSelfRequester) {
      fields_.problem(PolicyRule::kInvalidValue, at.field("requester"),
                      "self is the account that an identity names; of a file, write the user name");
    }
    read.sketch.groups = texts(at.field("groups"));
    read.states_requester = at.node->find("requester") != nullptr || at.node->find("groups") != nullptr;
    read_expectation(at, read.expected);
    return read;
  }

  void read_sketch(const PolicyField& at, RequestSketch& sketch) {
    if (at.node->find("identity") == nullptr && at.node->find("dnsNames") == nullptr &&
        at.node->find("ipAddresses") == nullptr) {
      fields_.problem(PolicyRule::kMissingKey, at,
                      "one of the keys \"identity\", \"dnsNames\", \"ipAddresses\" and \"file\" is missing");
    }
    sketch.identity = text(at.field("identity"));
    sketch.dns_names = texts(at.field("dnsNames"));
    sketch.ip_addresses = texts(at.field("ipAddresses"));
    sketch.signer = text(at.field("signer"));
    if (std::string key = text(at.field("key")); !key.empty()) {
      sketch.key = std::move(key);
    }
    if (std::vector<std::string> usages = texts(at.field("usages")); !usages.empty()) {
      sketch.usages = std::move(usages);
    }
    sketch.duration = duration(at.field("duration"));
    sketch.mutate = fields_.flag(at.field("mutate"));
  }

  void read_expectation(const PolicyField& at, Expectation& expected) {
    const PolicyField expect = at.field("expect");
    if (expect.node == nullptr) {
      return;
    }
    if (expect.node->kind == YamlNode::Kind::kSequence) {
      expected.verdict = Decision::Verdict::kDenied;
      read_reasons(expect, expected.reasons);
    } else if (expect.node->kind != YamlNode::Kind::kScalar ||
               (expect.node->scalar != kGranted && expect.node->scalar != kNotOurs)) {
      fields_.problem(PolicyRule::kInvalidValue, expect,
                      "must be granted, not-ours, or a list of the reason codes of a denial, [SignerNotAllowed]");
      return;
    } else if (expect.node->scalar == kNotOurs) {
      expected.verdict = Decision::Verdict::kNotOurs;
    }
    if (const PolicyField tolerated = at.field("wouldDeny"); tolerated.node != nullptr) {
      if (expected.verdict != Decision::Verdict::kGranted) {
        fields_.problem(PolicyRule::kInvalidValue, tolerated, "is expected of what is granted alone");
      }
      expected.verdict = Decision::Verdict::kTolerated;
      read_reasons(tolerated, expected.reasons);
    }
    if (const std::string signer = text(at.field("grantedSigner")); !signer.empty()) {
      expected.signer = signer;
    }
    expected.lifetime = duration(at.field("grantedLifetime"));
    for (const std::string_view key : {"grantedSigner", "grantedLifetime"}) {
      const bool passes =
          expected.verdict == Decision::Verdict::kGranted || expected.verdict == Decision::Verdict::kTolerated;
      if (!passes && at.node->find(key) != nullptr) {
        fields_.problem(PolicyRule::kInvalidValue, at.field(key), "is expected of what is granted alone");
      }
    }
  }

  void read_reasons(const PolicyField& at, std::vector<Reason>& reasons) {
    std::vector<std::string_view> codes;
    std::ranges::transform(kReasons, std::back_inserter(codes), [](Reason reason) { return to_string(reason); });
    for (const std::string& code : fields_.names(
             at, [](std::string_view written) { return reason_named(written).has_value(); },
             "a reason code: " + joined(codes), codes)) {
      reasons.push_back(*reason_named(code));
    }
  }

  PolicyFields fields_;
};

}  // namespace

tl::expected<PolicyTestFile, std::vector<PolicyProblem>> load_policy_test(std::string_view yaml,
                                                                          std::string_view file) {
  const tl::expected<YamlNode, std::vector<YamlProblem>> root = parse_yaml(yaml, {.max_bytes = kMaxPolicyTestBytes});
  if (!root) {
    return tl::unexpected(not_yaml(root.error(), file, yaml));
  }
  PolicyTestReader reader(file);
  PolicyTestFile test = reader.read(*root);
  if (std::vector<PolicyProblem> problems = reader.take_problems(); !problems.empty()) {
    return tl::unexpected(with_excerpts(std::move(problems), yaml));
  }
  return test;
}

}  // namespace signet
