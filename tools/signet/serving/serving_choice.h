#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "tools/signet/inputs/file_watch.h"
#include "webhook/tls_identity.h"
#include "webhook/webhook_endpoints.h"

namespace signet {

/// What a server shows its clients now, and whether its files hold the same.
struct ServingState {
  ServingPeriod period;
  bool last_taken = true;  ///< the files hold what is shown, as far as they were looked at
};

/// What /readyz tells of it: a certificate that no client takes at `now` is a problem, files that are not taken are to
/// be said.
[[nodiscard]] ReadinessCheck serving_check(const ServingState& state, std::chrono::sys_seconds now);

/// What the files of a serving identity hold.
struct ServingTexts {
  FileWatch::Text certificate;
  FileWatch::Text key;
  std::optional<FileWatch::Text> client_ca{};  ///< nothing where no client is asked for a certificate
};

/// Chooses between the serving identity in use and what its files hold: theirs, if the key is the certificate's, the
/// certificate valid, and the client CAs are some; else what is in use stays. No threads and no clock.
class ServingChoice {
 public:
  /// Shows an identity from now on, or leaves everything as it is and says why.
  using Show = std::function<tl::expected<void, std::string>(const TlsIdentity&)>;

  struct Outcome {
    enum class Kind {
      kNothingNew,  ///< the files hold what is in use, or what was already said not to be taken, and why
      kTaken,
      kNotTaken,
      kBack,  ///< after others that were not taken, the files hold what is in use
    };
    Kind kind = Kind::kNothingNew;
    std::string problem{};                  ///< of what is not taken
    std::optional<ServingPeriod> period{};  ///< of what is taken
  };

  /// `in_use` is what is shown already.
  ServingChoice(const TlsIdentity& in_use, Show show);

  /// The files hold these texts at `now`. `asked`: somebody wants to know, so what was said before is said again.
  [[nodiscard]] Outcome offer(const ServingTexts& texts, bool asked, std::chrono::sys_seconds now);

  /// The files held a certificate that was not valid yet, and is at `now`: they are to be offered again.
  [[nodiscard]] bool is_due(std::chrono::sys_seconds now) const { return due_ && *due_ <= now; }

 private:
  [[nodiscard]] tl::expected<ServingPeriod, std::string> try_to_show(const TlsIdentity& identity,
                                                                     std::chrono::sys_seconds now);
  [[nodiscard]] Outcome refuse(const std::string& digest, std::string problem);

  struct Told {
    std::string digest;
    std::string problem;

    friend bool operator==(const Told&, const Told&) = default;
  };

  const Show show_;
  std::string digest_;    ///< of what is in use
  bool refused_ = false;  ///< what the files held last
  std::optional<Told> told_;
  std::optional<std::chrono::sys_seconds> due_;
};

}  // namespace signet
