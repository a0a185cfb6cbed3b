#pragma once

#include <string>

#include "signer/kube/objects.h"

namespace signet {

// A CertificateSigningRequest in one piece of memory, about half of what it takes as an object of many: for those that
// wait, which may be tens of thousands.
class PackedRequest {
 public:
  explicit PackedRequest(const CertificateSigningRequest& csr);

  [[nodiscard]] CertificateSigningRequest unpack() const;
  // Whether it is of the same object in the same state, by uid and resourceVersion.
  [[nodiscard]] bool is_of(const CertificateSigningRequest& csr) const;

 private:
  std::string bytes_;
};

}  // namespace signet
