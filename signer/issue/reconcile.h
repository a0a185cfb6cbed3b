#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "policy/policy.h"
#include "signer/audit/audit_log.h"
#include "signer/issue/ca_store.h"
#include "signer/issue/issuance_meter.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// Certificates that were issued and sent to the API server, which did not answer, or not know us: whether they were
/// published is not known. Safe for many threads.
class UnsettledCertificates {
 public:
  struct Entry {
    CertificateSigningRequest csr;  ///< as it was when the certificate was sent
    std::string chain_pem;
    AuditRecord record;  ///< that of the issuing
  };

  void add(Entry entry);
  /// Takes the entry for the request of this name, which only one thread may work on at a time.
  [[nodiscard]] std::optional<Entry> take(const std::string& csr_name);
  /// Takes any entry.
  [[nodiscard]] std::optional<Entry> take();
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;  ///< guarded by mutex_
};

/// What reconcile works with.
struct ReconcileContext {
  const Policy& policy;
  const NamespaceLabels& namespaces;
  const CaStore& authorities;
  AuditLog& audit;
  KubeApi& api;
  UnsettledCertificates& unsettled;
  IssuanceMeter& meter;
  std::string_view self = {};             ///< who we are at the API server; empty: not known
  bool synced = false;                    ///< whether every request there is has been seen once
  std::chrono::sys_seconds now;           ///< the time at which the certificate begins
  IssuanceMeter::Clock::time_point tick;  ///< the same moment, for the meter
  std::function<bool()> may_sign = {};    ///< whether it is still on us; absent: always
  /// By how much `now`, which the clock showed at `tick`, is ahead of the API server's clock, as far as that is known
  /// after the last call; absent: not known.
  std::function<std::optional<std::chrono::seconds>(std::chrono::sys_seconds now,
                                                    IssuanceMeter::Clock::time_point tick)>
      clock_lead = {};
};

struct ReconcileResult {
  enum class Outcome {
    kNotOurs,    ///< a signer that is not ours to serve, or one that somebody else serves
    kDone,       ///< has a certificate, or was denied, or failed, or is gone
    kWaiting,    ///< not approved yet
    kPublished,  ///< the certificate stands in its status
    kFailed,     ///< the Failed condition stands in its status
    kThrottled,  ///< granted, but the tenant's quota is used up; nothing was decided
    kRetry,      ///< nothing was decided, for the reason in `message`
  };
  struct Throttled {
    std::string tenant;             ///< whose quota it is
    std::chrono::nanoseconds wait;  ///< until there is a token, a minute at most
  };
  Outcome outcome = Outcome::kDone;
  std::string message;                              ///< for the operator's log; empty when all went well
  std::optional<std::chrono::seconds> retry_after;  ///< with kRetry: what the API server asked for
  bool transient = false;  ///< with kRetry: the API server was away, or a clock wrong, which may end at any moment
  bool unsettled = false;  ///< with kRetry: a certificate's end is not known, so try again even if the request is gone
  std::optional<Throttled> throttled = {};  ///< with kThrottled
  bool awaits_log = false;                  ///< with kRetry: the log cannot be written, and looks itself when it can
};

/// Whether there is nothing to do for a request that nothing was done for yet: it has ended, or it waits for others to
/// approve it.
[[nodiscard]] bool is_idle(const CertificateSigningRequest& csr, const Policy& policy);

/// Brings one request to its end, or says why not now.
///
/// A request that is approved and that the policy grants *now* is signed by its signer's CA, the `issued` record is
/// made durable, and only then is the certificate written, under the condition that the object is still the one that
/// was judged (uid and resourceVersion); then the log is told `published`, or `discarded` with the reason. One that was
/// changed meanwhile is read again and judged anew, a few times. A write that got no answer, or 401, is repeated, the
/// same, until its end is known; where the request is gone by then, the log is told `published`, and that it is
/// presumed. A request that the policy does not grant gets the condition Failed, which is final and is therefore
/// written only when synced; the log is told `refused` first.
///
/// One that nobody has approved yet is approved where the policy leaves that to us (signers[].approval) and grants it;
/// who asks for himself must do so from a pod that is alive (live_pod.h). Else it waits.
///
/// While the clock and the API server's are too far apart, nothing is signed: it would not be valid yet, or would end
/// early.
///
/// Each signature takes a token of the tenant's quota, also one that is discarded; without a token nothing is signed,
/// and nothing else happens to the request.
///
/// While the log cannot be written (AuditLog::problem) nothing is signed or given Failed.
///
/// While it is not on us, nothing is signed, approved or given Failed, and of what was sent before only the end is
/// looked for. That is asked last thing before each write; one that is under way by then conflicts or is the only one.
///
/// `csr` may be out of date: whatever is written then conflicts. For many threads, but one for each name at a time.
[[nodiscard]] ReconcileResult reconcile(const CertificateSigningRequest& csr, const ReconcileContext& context);

/// Tries once more to learn the end of each unsettled certificate; gives up at the first of which it cannot be learned.
/// For when no reconcile runs any more.
void settle(const ReconcileContext& context);

}  // namespace signet
