// A SPIFFE ID that is accepted is made of its parts and nothing else.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "policy/kubernetes_names.h"
#include "policy/spiffe_id.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto id = signet::SpiffeId::parse(text);
  if (!id) {
    return id.error().empty() ? std::abort(), 0 : 0;
  }
  std::string whole = "spiffe://";
  whole.append(id->trust_domain()).append("/ns/").append(id->ns()).append("/sa/").append(id->service_account());
  if (whole != text || id->uri() != text || !signet::is_trust_domain(id->trust_domain()) ||
      !signet::is_dns_label(id->ns()) || !signet::is_dns_subdomain(id->service_account())) {
    std::abort();
  }
  return 0;
}
