#pragma once

#include <openssl/x509.h>

#include <string>
#include <tl/expected.hpp>

#include "policy/signing_request.h"

namespace signet {

/// What the attributes of a request ask for: facts about names, usages and extensions, and no others. An attribute that
/// is not extensionRequest (RFC 2985 §5.4.2) is told among the other extensions, by its OID: nobody asks for nothing.
/// Of the extensions (RFC 5280 §4.2) subject alternative names may come repeatedly, for policy to judge; any other that
/// does, or that is not what its section says, is an error. `attributes` must have passed check_der.
[[nodiscard]] tl::expected<Pkcs10Facts, std::string> read_attributes(const STACK_OF(X509_ATTRIBUTE) & attributes);

/// The same of the extensions of a certificate, where all others are told as they are, too.
[[nodiscard]] tl::expected<Pkcs10Facts, std::string> read_extensions(const STACK_OF(X509_EXTENSION) & extensions);

}  // namespace signet
