#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/policy.h"
#include "policy/spiffe_id.h"

namespace signet {

/// Whose request it is, as its names tell.
struct RequestSubject {
  const PolicyModel::Tenant* tenant = nullptr;  ///< null: it cannot be told, or is nobody's
  std::optional<SpiffeId> id;                   ///< of a workload in our trust domains
  std::vector<const PolicyModel::Service*>
      services;                          ///< of the tenant's: those of the names that only some may ask for
  bool names_of_all_requesters = false;  ///< whether there is a name that whoever may ask for the tenant can ask for
  std::vector<Finding> findings;
  CheckSet made;
  bool undecided = false;  ///< it hangs on labels that are not known, and may be known later
};

/// Of a request for `signer` (without the domain), whose tenant the DNS names and addresses of a service must be.
[[nodiscard]] RequestSubject subject_of(const Policy& policy, const Pkcs10Facts& facts, std::string_view signer,
                                        const NamespaceLabels& namespaces);

}  // namespace signet
