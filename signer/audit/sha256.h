#pragma once

// IWYU pragma: begin_exports
#include "signer/trust/certificate.h"
// IWYU pragma: end_exports
