#include "webhook/certificate_request_review.h"

#include <algorithm>
#include <string>

#include "policy/quoting.h"

namespace signet {
namespace {

// The signerName under which cert-manager serves CertificateSigningRequests for the same issuer
// (https://cert-manager.io/docs/usage/kube-csr/). An absent kind means Issuer, an absent group cert-manager's own.
std::string signer_name_of(const std::string& group, const std::string& kind, const std::string& ns,
                           const std::string& name) {
  return kind == "ClusterIssuer" ? "clusterissuers." + group + "/" + name : "issuers." + group + "/" + ns + "." + name;
}

}  // namespace

ReviewOutcome validate_certificate_request(const AdmissionRequest& request, const ReviewContext& context) {
  if (request.operation != AdmissionRequest::Operation::kCreate || !request.sub_resource.empty()) {
    return pass();
  }
  const JsonView issuer = request.object.at("spec", "issuerRef");
  std::string fields[3];
  const char* const names[] = {"group", "kind", "name"};
  for (int i = 0; i < 3; ++i) {
    const JsonView field = issuer.get(names[i]);
    if (!field.as_string() && !field.is_absent_or_null()) {
      return judge(request,
                   {{Reason::kRequestMalformed, "spec.issuerRef." + std::string(names[i]) + ": must be a text"}},
                   context);
    }
    fields[i] = field.as_string().value_or("");
  }
  const std::string& group = fields[0].empty() ? std::string("cert-manager.io") : fields[0];
  const std::string signer_name = signer_name_of(group, fields[1], request.name_space, fields[2]);
  const auto signer = context.policy.signer_in_domain(signer_name);
  if (!signer || !(std::ranges::binary_search(context.policy.signers(), *signer) ||
                   *signer == context.policy.model().routed_signer)) {
    return pass();
  }
  return judge(request,
               {{Reason::kSignerNotAllowed,
                 "spec.issuerRef names " + in_quotes(signer_name) +
                     ", which signs for its tenant by CertificateSigningRequest only (tenants[].signers)"}},
               context);
}

}  // namespace signet
