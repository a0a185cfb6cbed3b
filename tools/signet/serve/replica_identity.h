#pragma once

#include <string>

namespace signet {

/// A name for this process that no other has, nor any before it: the machine's (in a pod, the pod's) and 16 random
/// hexadecimal digits.
[[nodiscard]] std::string replica_identity();

}  // namespace signet
