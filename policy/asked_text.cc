#include "policy/asked_text.h"

#include <algorithm>
#include <iterator>

#include "policy/quoting.h"
#include "policy/spiffe_id.h"

namespace signet {
namespace {

std::string or_none(std::string text) { return text.empty() ? "none" : text; }

std::string asked_signature(const Pkcs10Facts& facts) {
  switch (facts.signature) {
    case Pkcs10Facts::Signature::kVerified:
      return "a PKCS#10 whose signature verifies";
    case Pkcs10Facts::Signature::kFailed:
      return "a PKCS#10 whose signature does not verify";
    case Pkcs10Facts::Signature::kNotChecked:
      break;
  }
  return "a PKCS#10 whose signature was not looked at";
}

std::string asked_names(const Pkcs10Facts& facts) {
  return or_none(joined(facts.names, [](const SubjectAltName& name) { return in_quotes(name.value); }));
}

std::string asked_namespace(const Pkcs10Facts& facts) {
  if (names_a_service(facts)) {
    return "names of a service, which are the signer's tenant's";
  }
  if (facts.names.size() == 1 && facts.names.front().type == SubjectAltName::Type::kUri) {
    if (const auto id = SpiffeId::parse(facts.names.front().value)) {
      return "namespace " + in_quotes(id->ns());
    }
  }
  return "no namespace that could be read";
}

std::string asked_usages(const SigningRequest& request, const Pkcs10Facts& facts) {
  std::vector<std::string> usages = request.usages;
  std::ranges::copy_if(facts.usages, std::back_inserter(usages), [&](const std::string& usage) {
    return std::ranges::find(request.usages, usage) == request.usages.end();
  });
  return or_none(joined(usages));
}

std::string asked_duration(const SigningRequest& request) {
  std::string asked = request.expiration_seconds ? std::to_string(*request.expiration_seconds) + " s" : "";
  if (request.annotated_duration) {
    asked += (asked.empty() ? "" : ", ") + in_quotes(*request.annotated_duration) + " by annotation";
  }
  return asked.empty() ? "no lifetime" : asked;
}

}  // namespace

std::string asked_text(Reason check, const Policy& policy, const SigningRequest& request,
                       const PolicyModel::Tenant* tenant) {
  if (!request.pkcs10) {
    return check == Reason::kRequestMalformed ? "what is no PKCS#10 that can be judged"
                                              : "unknown: there is no PKCS#10 that could be read";
  }
  const Pkcs10Facts& facts = *request.pkcs10;
  switch (check) {
    case Reason::kRequestMalformed:
      return asked_signature(facts);
    case Reason::kRequesterNotAllowed:
      return in_quotes(request.requester);
    case Reason::kExtensionNotAllowed:
      return facts.other_extensions.empty() ? "no other extension" : joined(facts.other_extensions);
    case Reason::kCaRequested:
      return facts.ca_requested || request.annotated_is_ca.value_or("false") != "false"
                 ? "to be a certificate authority"
                 : "no certificate authority";
    case Reason::kSubjectAltNameNotAllowed:
      return asked_names(facts);
    case Reason::kIdentityInvalid:
      return names_a_service(facts) ? "names of a service, no SPIFFE ID" : asked_names(facts);
    case Reason::kNoTenant:
      return asked_namespace(facts);
    case Reason::kTenantSuspended:
      return tenant == nullptr ? "no tenant that could be told" : "tenant " + in_quotes(tenant->name);
    case Reason::kSignerNotAllowed:
      return in_quotes(policy.signer_in_domain(request.signer_name).value_or(""));
    case Reason::kKeyNotAllowed:
      return facts.key_name;
    case Reason::kUsageNotAllowed:
      return asked_usages(request, facts);
    case Reason::kDurationTooLong:
    case Reason::kDurationTooShort:
      return asked_duration(request);
    case Reason::kIssuerNotAllowed:
    case Reason::kCertificateNotAllowed:
    case Reason::kVariableLocked:
    case Reason::kNamespaceNotAllowed:
      break;
  }
  return {};
}

}  // namespace signet
