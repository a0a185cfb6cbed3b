#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "signer/issue/ca_states.h"
#include "tools/signet/inputs/log.h"

namespace signet {

/// What the log is to say of CAs: once, when it begins, and of one that ends once a day. No clock.
class CaNews {
 public:
  struct Item {
    LogLevel level;
    std::string signer;
    std::string text;
  };

  /// What is new since the last time. The first time no CA is new that is in force and in order.
  [[nodiscard]] std::vector<Item> tell(const CaStates& cas, std::chrono::sys_seconds now);

 private:
  struct Told {
    std::shared_ptr<const IssuerChain> in_force;
    std::shared_ptr<const IssuerChain> staged;
    std::vector<std::string> problems;
    CaLife life = CaLife::kLong;
    std::chrono::sys_seconds life_told;
  };
  static void tell_change(const std::string& signer, const CaState& state, const Told& told, std::vector<Item>& items);

  std::map<std::string, Told, std::less<>> told_;
};

/// What /readyz says of CAs that are in order; empty where there is nothing to say. Names no signer, for anybody may
/// ask.
[[nodiscard]] std::string note_on(const CaStates& cas, std::chrono::sys_seconds now);

/// "SPKI SHA-256 …, valid until …".
[[nodiscard]] std::string key_and_end(const IssuerChain& chain);

}  // namespace signet
