#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "policy/grant.h"
#include "signer/csr/openssl_ptr.h"
#include "signer/trust/certificate.h"
#include "signer/trust/certificate_check.h"
#include "signer/trust/issuer_chain.h"
#include "test/fuzz/as_pem.h"

// Text that begins like PEM is read as it is, anything else as the DER of one certificate: as a chain of an issuer of
// its own and, where it is one, as an answer of that issuer. Nothing that is its own issuer was granted to anybody.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string pem = signet::fuzz::as_pem(input, "CERTIFICATE");
  const auto chain = signet::IssuerChain::parse(pem, "");
  if (chain) {
    signet::Grant::Terms terms;
    terms.spki = chain->issuer_spki();
    terms.lifetime = std::chrono::hours(24);
    if (signet::check_certificate(terms, pem, *chain, chain->not_before())) {
      __builtin_trap();
    }
  }
  signet::drain_openssl_errors();
  return 0;
}
