#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "policy/policy.h"
#include "tools/signet/inputs/file_watch.h"
#include "tools/signet/inputs/input_file.h"

namespace signet {

/// Why a policy does not come into force.
struct PolicyRefusal {
  std::vector<std::string> problems;
  bool may_pass = false;  ///< what is missing is not in the file and may be there later
};

/// Chooses between the policy in force and what its file holds: the file's, if that can be used and everything it needs
/// is there; else what is in force stays. No threads and no clock.
class PolicyChoice {
 public:
  /// Brings a policy into force, or leaves everything as it is and says why.
  using BringIntoForce = std::function<tl::expected<void, PolicyRefusal>(const std::shared_ptr<const Policy>&)>;

  struct Outcome {
    enum class Kind {
      kNothingNew,  ///< the file holds what is in force, or what was already said not to come into force, and why
      kTaken,
      kNotTaken,
      kBack,  ///< after another that was not taken, the file holds what is in force
    };
    Kind kind = Kind::kNothingNew;
    std::string before{};                 ///< digest of what was in force
    std::string file{};                   ///< digest of what the file holds; empty where it cannot be read
    std::vector<std::string> problems{};  ///< of one that is not taken; those in the file as file:line:column: message
    std::vector<PolicyProblem> warnings{};  ///< of one that is taken
  };

  /// `digest`: of what is in force.
  PolicyChoice(std::string path, std::string digest, BringIntoForce bring)
      : path_(std::move(path)), digest_(std::move(digest)), bring_(std::move(bring)) {}

  /// The file holds `text` now. `asked`: somebody wants to know, so what was said before is said again.
  [[nodiscard]] Outcome offer(const FileWatch::Text& text, bool asked);

  /// Whether the file holds a policy that was not taken for want of something that may be there by now.
  [[nodiscard]] bool waits() const { return waiting_.has_value(); }
  /// Tries it once more.
  [[nodiscard]] Outcome retry();

 private:
  [[nodiscard]] Outcome try_to_take(PolicyFile file);
  [[nodiscard]] Outcome refuse(const std::string& digest, std::vector<std::string> problems);

  struct Told {
    std::string digest;
    std::vector<std::string> problems;

    friend bool operator==(const Told&, const Told&) = default;
  };

  const std::string path_;
  std::string digest_;
  const BringIntoForce bring_;
  std::optional<PolicyFile> waiting_;
  bool refused_ = false;  ///< what the file held last
  std::optional<Told> told_;
};

}  // namespace signet
