#include "signer/kube/wipe_secret.h"

#include <openssl/crypto.h>

namespace signet {

void wipe_secret(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace signet
