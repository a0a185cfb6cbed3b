#pragma once

#include <string>

namespace signet {

/// Overwrites the bytes and makes the string empty.
void wipe_secret(std::string& secret);

}  // namespace signet
