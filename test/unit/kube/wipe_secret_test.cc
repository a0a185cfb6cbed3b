#include "signer/kube/wipe_secret.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

TEST_CASE("A secret that was wiped is empty") {
  std::string secret = "secret";
  wipe_secret(secret);
  CHECK(secret.empty());
}

}  // namespace
}  // namespace signet
