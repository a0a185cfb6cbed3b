#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "policy/decision.h"
#include "policy/policy_loader.h"
#include "policy/request_sketch.h"
#include "policy/yaml_document.h"

namespace signet {

/// The largest test file that is read: 10,000 cases take 2 MiB.
inline constexpr std::size_t kMaxPolicyTestBytes = std::size_t{16} << 20;

/// What a case expects to be decided.
struct Expectation {
  Decision::Verdict verdict = Decision::Verdict::kGranted;
  std::vector<Reason> reasons;  ///< of a denial, or of what is tolerated: all of them, in any order
  // Of a grant; absent where it does not matter.
  std::optional<std::chrono::seconds> lifetime;
  std::optional<std::string> signer;
};

/// One request and what is expected of it.
struct PolicyTestCase {
  std::string name;
  YamlMark mark;
  /// A file with an AdmissionReview, or the manifest of an object to be created; relative to the test file. Empty: the
  /// sketch is the request. Of a manifest the sketch tells who asks.
  std::string file;
  YamlMark file_mark;
  bool states_requester = false;
  RequestSketch sketch;
  Expectation expected;
};

/// A SignerPolicyTest: a policy and what it is expected to decide.
struct PolicyTestFile {
  std::string policy;  ///< relative to the test file
  YamlMark policy_mark;
  std::vector<PolicyTestCase> cases;
};

/// Reads a test file in YAML, as strictly as a policy. `file` is what problems call it. Either what the text says, or
/// every problem that could be found, in the order of their places.
[[nodiscard]] tl::expected<PolicyTestFile, std::vector<PolicyProblem>> load_policy_test(std::string_view yaml,
                                                                                        std::string_view file);

}  // namespace signet
