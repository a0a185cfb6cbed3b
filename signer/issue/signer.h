#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "policy/policy.h"
#include "signer/audit/audit_log.h"
#include "signer/issue/ca_store.h"
#include "signer/issue/issuance_meter.h"
#include "signer/issue/reconcile.h"
#include "signer/issue/signing_queue.h"
#include "signer/kube/csr_watcher.h"
#include "signer/kube/kube_api.h"

namespace signet {

/// What one request is judged and signed with, published together: the CAs are those of the policy's signers.
struct SigningBasis {
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<const CaStore> authorities;
};

/// What a signer works with; what is behind the references must outlive it.
struct SignerConfig {
  KubeApi& api;
  AuditLog& audit;
  /// Asked anew for each request, so that a reload counts from the next one on.
  std::function<SigningBasis()> basis;
  const NamespaceLabels& namespaces;
  std::function<std::chrono::sys_seconds()> now;
  /// Our user name at the API server; needed where the policy names issuers and means us.
  std::string self = {};
  CsrWatcherOptions watch;
  SigningQueue::Options queue;  ///< flow_of and on_throttled are the signer's to set
  /// Of one of several replicas: whether it is on this one to sign, at the very moment it is asked. Such a signer
  /// begins with take_up(). Absent: it always is.
  std::function<bool()> may_sign = {};
  /// See ReconcileContext.
  std::function<std::optional<std::chrono::seconds>(std::chrono::sys_seconds, IssuanceMeter::Clock::time_point)>
      clock_lead = {};
  /// For the operator's log: attempts that failed and will be made again, requests that were given Failed, and when a
  /// tenant begins and ceases to be held back by its quota.
  std::function<void(const std::string& message)> on_problem;
  /// Each time a request was looked at, `pending` after it came into the queue. Like on_problem called from many
  /// threads.
  std::function<void(const CertificateSigningRequest&, const ReconcileResult&, SigningQueue::Clock::duration pending)>
      on_result;
};

/// Watches the requests of our signers and brings each to its end.
class Signer {
 public:
  /// Starts at once, or, with may_sign, idle.
  explicit Signer(SignerConfig config);
  ~Signer() { stop(); }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  /// Watches the requests of these signers from now on, in place of those before; for when the policy that `basis`
  /// gives has them already. Every request there is of theirs is looked at again, and nothing is given Failed until
  /// that is done. Does nothing after stop(), and of an idle signer changes only what it will watch.
  void follow(SignerNames signers);

  /// Where there is may_sign, when it begins to say yes: follows its signers.
  void take_up();
  /// When it has ceased to: follows nobody, and forgets every request but those of which a certificate's end is not
  /// known.
  void lay_down();

  /// Ends the watches, waits for the reconciles under way, and tries once more to learn what became of certificates
  /// whose writing got no answer.
  void stop();

  /// Whether every request there was at the start has been seen once; true from then on, whoever is followed later.
  [[nodiscard]] bool synced() const { return was_synced_; }
  [[nodiscard]] CsrWatcher::Clock::time_point last_activity() const;
  [[nodiscard]] SigningQueue::Depth depth() const { return queue_.depth(); }
  /// Certificates of which it is not known whether they were published.
  [[nodiscard]] std::size_t unsettled() const { return unsettled_.size(); }

 private:
  /// Calls `work` with a ReconcileContext, whose policy and authorities stay as they are for as long.
  template <typename Work>
  auto with_context(const Work& work);
  [[nodiscard]] ReconcileResult reconcile_one(const CertificateSigningRequest& csr,
                                              SigningQueue::Clock::time_point since);
  void on_event(WatchEventType type, const CertificateSigningRequest& csr);
  [[nodiscard]] SigningQueue::Options queue_options() const;
  [[nodiscard]] std::shared_ptr<CsrWatcher> watch(SignerNames signers);
  void watch_instead(SignerNames signers);

  const SignerConfig config_;
  UnsettledCertificates unsettled_;
  IssuanceMeter meter_;
  std::atomic<bool> synced_ = false;      ///< the watcher of now has seen everything
  std::atomic<bool> was_synced_ = false;  ///< one has
  SigningQueue queue_;
  std::mutex changing_watcher_;  ///< held by whoever replaces or ends it
  bool stopped_ = false;         ///< guarded by changing_watcher_, as the next two
  bool idle_;
  SignerNames signers_;  ///< followed, or to be followed
  mutable std::mutex mutex_;
  std::shared_ptr<CsrWatcher> watcher_;  ///< guarded by mutex_; never null
};

}  // namespace signet
