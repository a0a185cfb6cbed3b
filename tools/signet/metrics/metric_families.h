#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "tools/signet/metrics/metrics.h"

namespace signet {

/// What the issuance log did since the start.
struct IssuanceRecords {
  double written = 0;
  double failed = 0;
};

/// The metrics that are not counted as things happen but read when somebody asks.
[[nodiscard]] std::vector<prometheus::MetricFamily> families_of(const MetricReadings& readings,
                                                                const IssuanceRecords& issuance);

}  // namespace signet
