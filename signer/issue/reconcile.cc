#include "signer/issue/reconcile.h"

#include <utility>

#include "policy/policy_language.h"
#include "policy/quoting.h"
#include "signer/audit/audit_line.h"
#include "signer/csr/signing_request_of.h"
#include "signer/issue/certificate_authority.h"
#include "signer/issue/live_pod.h"
#include "signer/kube/csr_status_patch.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using Entry = UnsettledCertificates::Entry;
using Outcome = ReconcileResult::Outcome;

// How often a request that changes under our hands is judged anew before others have their turn.
constexpr int kMaxAttempts = 4;

ReconcileResult retry(std::string message) {
  return {.outcome = Outcome::kRetry, .message = std::move(message), .retry_after = std::nullopt, .unsettled = false};
}

ReconcileResult retry(const std::string& what, const KubeError& error) {
  ReconcileResult result = retry(what + ": " + error.message);
  result.retry_after = error.retry_after;
  result.transient = error.is_transient();
  return result;
}

// A certificate begins kBackdate before the clock's time, and must be valid then for clocks that are a minute behind.
constexpr std::chrono::seconds kMaxClockError = kBackdate - std::chrono::minutes(1);

// What keeps us from signing by the clock; empty when nothing does.
std::string clock_problem(const std::string& csr_name, const ReconcileContext& context) {
  if (!context.clock_lead) return {};
  const auto lead = [&context] { return context.clock_lead(context.now, context.tick).value_or(0s); };
  if (std::chrono::abs(lead()) <= kMaxClockError) return {};
  // What was heard of the API server's clock may be of before the machine slept: hear of it again.
  static_cast<void>(context.api.get_csr(csr_name));
  const std::chrono::seconds error = lead();
  if (std::chrono::abs(error) <= kMaxClockError) return {};
  return "not signed: the clock is " + std::to_string(std::chrono::abs(error).count()) + " s " +
         (error > 0s ? "ahead of" : "behind") + " the API server's";
}

ReconcileResult awaits_log(const std::string& problem) {
  ReconcileResult result = retry("audit log: " + problem);
  result.awaits_log = true;
  return result;
}

ReconcileResult ended(Outcome outcome, std::string message = {}) {
  return {.outcome = outcome, .message = std::move(message), .retry_after = std::nullopt, .unsettled = false};
}

ReconcileResult throttled(const std::string& tenant, const IssuanceQuota& quota, std::chrono::nanoseconds wait) {
  ReconcileResult result =
      ended(Outcome::kThrottled, "tenant " + in_quotes(tenant) + " has used up its quota (tenants[" + tenant +
                                     "].quota: " + std::to_string(quota.per_minute) + " a minute, burst " +
                                     std::to_string(quota.burst) + "); its other requests wait");
  result.throttled = {.tenant = tenant, .wait = wait};
  return result;
}

// Whether to write, now: another may be the signer by now, and have begun.
bool may_sign(const ReconcileContext& context) { return !context.may_sign || context.may_sign(); }

// What became of a certificate that was sent.
struct Ending {
  enum class Kind {
    kPublished,
    kOvertaken,  // the object is another by now: the write was not, and never will be, applied
    kGone,       // the object that was written to is no more: the write never will be applied, but may have been
    kRefused,    // the API server will not have it
    kUnknown,
  };
  Kind kind = Kind::kUnknown;
  std::string why;
  std::optional<KubeError> error = {};  // which kept us from knowing more
};

// Whether the API server has said no, so that this very request, at least, had no effect. That it does not know us is
// no such no: the token will be replaced, and then the same certificate will do.
bool is_refusal(const KubeError& error) {
  switch (error.kind) {
    case KubeError::Kind::kForbidden:
    case KubeError::Kind::kNotFound:
    case KubeError::Kind::kConflict:
    case KubeError::Kind::kInvalid:
      return true;
    case KubeError::Kind::kUnauthorized:
    case KubeError::Kind::kGone:
    case KubeError::Kind::kTooManyRequests:
    case KubeError::Kind::kServer:
    case KubeError::Kind::kTransport:
    case KubeError::Kind::kBadResponse:
      return false;
  }
  return false;
}

// The end of `entry` as `object`, read after the certificate was sent, shows it.
Ending ending_in(const Entry& entry, const CertificateSigningRequest& object, const std::string& why) {
  if (object.uid != entry.csr.uid) return {Ending::Kind::kGone, why + "; another request has its name"};
  if (object.status.certificate == entry.chain_pem) return {Ending::Kind::kPublished, {}};
  if (!object.status.certificate.empty()) {
    return {Ending::Kind::kOvertaken, why + "; another certificate was written"};
  }
  if (object.resource_version != entry.csr.resource_version) {
    return {Ending::Kind::kOvertaken, why + "; the request changed before the certificate was written"};
  }
  return {Ending::Kind::kUnknown, why};
}

Ending read_back(const Entry& entry, KubeApi& api, const std::string& why) {
  const auto object = api.get_csr(entry.csr.name);
  if (object) return ending_in(entry, *object, why);
  const KubeError& error = object.error();
  if (error.kind == KubeError::Kind::kNotFound) return {Ending::Kind::kGone, why + "; the request is gone"};
  return {Ending::Kind::kUnknown, why + "; reading it back: " + error.message, error};
}

// Sends the certificate. Sending it again is harmless: the condition holds for one write at most. `first`: nothing that
// was sent before can still take effect.
Ending send(const Entry& entry, const ReconcileContext& context, bool first) {
  KubeApi& api = context.api;
  if (!may_sign(context)) {
    const std::string why = "status.certificate: not written, for another may be the signer by now";
    return first ? Ending{Ending::Kind::kRefused, why} : read_back(entry, api, why);
  }
  const auto sent = api.patch_csr_status(entry.csr.name, certificate_patch(entry.csr, entry.chain_pem));
  if (sent) return {Ending::Kind::kPublished, {}};
  const KubeError& error = sent.error();
  const std::string why = "status.certificate: " + error.message;
  if (!is_refusal(error)) return {Ending::Kind::kUnknown, why, error};
  if (error.kind == KubeError::Kind::kConflict || !first) {
    Ending ending = read_back(entry, api, why);
    if (ending.kind == Ending::Kind::kGone && first) ending.kind = Ending::Kind::kOvertaken;
    return ending;
  }
  if (error.kind == KubeError::Kind::kNotFound) return {Ending::Kind::kOvertaken, why};
  return {Ending::Kind::kRefused, why, error};
}

ReconcileResult retry_after(const Ending& ending) {
  ReconcileResult result = retry(ending.why);
  result.retry_after = ending.error ? ending.error->retry_after : std::nullopt;
  result.transient = ending.error && ending.error->is_transient();
  return result;
}

// Tells the log how it ended; an entry whose end is not known is kept. Nothing to return: judge the request anew.
std::optional<ReconcileResult> conclude(Entry entry, const Ending& ending, const ReconcileContext& context) {
  switch (ending.kind) {
    case Ending::Kind::kPublished:
      entry.record.event = AuditRecord::Event::kPublished;
      context.audit.append_eventually(entry.record);
      return ended(Outcome::kPublished);
    case Ending::Kind::kGone:
      // Whoever watched the request may have read the certificate. The log must not leave out one that is in use.
      entry.record.event = AuditRecord::Event::kPublished;
      entry.record.message = std::string(kPresumedPublished) + ending.why;
      context.audit.append_eventually(entry.record);
      return std::nullopt;
    case Ending::Kind::kOvertaken:
    case Ending::Kind::kRefused:
      entry.record.event = AuditRecord::Event::kDiscarded;
      entry.record.message = ending.why;
      context.audit.append_eventually(entry.record);
      if (ending.kind == Ending::Kind::kRefused) return retry_after(ending);
      return std::nullopt;
    case Ending::Kind::kUnknown:
      context.unsettled.add(std::move(entry));
      ReconcileResult result = retry_after(ending);
      result.unsettled = true;
      return result;
  }
  return std::nullopt;
}

// For a request that was not granted. Nothing to return: it changed, judge it anew.
std::optional<ReconcileResult> refuse(const CertificateSigningRequest& csr, const SigningRequest& request,
                                      const Decision& decision, const ReconcileContext& context) {
  // Failed is final, so first everything there is must have been seen.
  if (!context.synced) return retry({});
  if (decision.undecided) return retry("is not decided: " + to_message(decision.findings));
  const AuditRecord record = audit_record(AuditRecord::Event::kRefused, request, decision, context.policy.digest());
  if (auto told = context.audit.append(record); !told) return awaits_log(told.error());
  if (!may_sign(context)) return retry({});
  const std::string why = clip_audit_text(record.message);
  const auto written = context.api.patch_csr_status(csr.name, failed_patch(csr, record.reason, why));
  if (written) return ended(Outcome::kFailed, "refused: " + why);
  const KubeError& error = written.error();
  if (error.kind == KubeError::Kind::kConflict) return std::nullopt;
  if (error.kind == KubeError::Kind::kNotFound) return ended(Outcome::kDone);
  return retry("condition Failed", error);
}

// For a request that was granted. Nothing to return: it changed, judge it anew.
std::optional<ReconcileResult> sign(const CertificateSigningRequest& csr, const SigningRequest& request,
                                    Decision decision, const ReconcileContext& context) {
  if (std::string problem = clock_problem(csr.name, context); !problem.empty()) {
    ReconcileResult result = retry(std::move(problem));
    result.transient = true;
    return result;
  }
  const Grant::Terms& terms = decision.grant->terms();
  const auto authority = context.authorities.find(terms.signer);
  if (!authority) return retry("signer \"" + terms.signer + "\": has no CA");
  if (terms.quota) {
    const auto wait = context.meter.take(terms.tenant, *terms.quota, context.tick);
    if (wait) return throttled(terms.tenant, *terms.quota, *wait);
  }
  auto issued = authority->issue(std::move(*decision.grant), context.now);
  if (!issued) return retry(issued.error());

  Entry entry{csr, std::move(issued->chain_pem),
              audit_record(AuditRecord::Event::kIssued, request, decision, context.policy.digest())};
  entry.record.certificate =
      AuditRecord::Certificate{issued->serial, issued->not_before, issued->not_after, issued->sha256};
  // What the log does not have must not leave.
  if (auto told = context.audit.append(entry.record); !told) return awaits_log(told.error());
  const Ending ending = send(entry, context, true);
  return conclude(std::move(entry), ending, context);
}

bool has_ended(const CertificateSigningRequest& csr) {
  return !csr.status.certificate.empty() || csr.has_condition("Denied") || csr.has_condition("Failed");
}

bool we_approve(const CertificateSigningRequest& csr, const Policy& policy) {
  const auto signer = policy.signer_in_domain(csr.spec.signer_name);
  const PolicyModel::Signer* const described = signer ? policy.described_signer(*signer) : nullptr;
  return described != nullptr && described->approval == PolicyModel::Approval::kAutomatic;
}

// For a request that nobody has approved yet. Nothing to return: it changed, judge it anew.
std::optional<ReconcileResult> approve(const CertificateSigningRequest& csr, const ReconcileContext& context) {
  if (!we_approve(csr, context.policy)) return ended(Outcome::kWaiting);
  const SigningRequest request = signing_request_of(csr);
  EvaluationTrace trace;
  const Decision decision = context.policy.evaluate(request, context.namespaces, &trace);
  if (decision.undecided) return retry("is not decided: " + to_message(decision.findings));
  if (decision.verdict != Decision::Verdict::kGranted) {
    return ended(Outcome::kWaiting, "is not approved: " + to_message(decision.findings));
  }
  if (*trace.requester == kSelfRequester) {
    const auto id = SpiffeId::parse(decision.grant->terms().names.front().value);
    const KubeResult<std::string> problem =
        id ? live_pod_problem(csr, *id, context.api) : KubeResult<std::string>("it names no account");
    if (!problem) return retry("looking for its pod", problem.error());
    if (!problem->empty()) return ended(Outcome::kWaiting, "is not approved: " + *problem);
  }
  if (!may_sign(context)) return retry({});
  const auto approved = context.api.approve_csr(
      csr.name, approval_patch(csr, "granted by " + decision.rule + " of policy " + context.policy.digest()));
  if (approved) return ended(Outcome::kWaiting);  // it comes again, approved
  const KubeError& error = approved.error();
  // kInvalid: somebody else has approved or denied it.
  if (error.kind == KubeError::Kind::kConflict || error.kind == KubeError::Kind::kInvalid) return std::nullopt;
  if (error.kind == KubeError::Kind::kNotFound) return ended(Outcome::kDone);
  return retry("condition Approved", error);
}

// Nothing to return: it changed meanwhile.
std::optional<ReconcileResult> judge(const CertificateSigningRequest& csr, const ReconcileContext& context) {
  // A policy that names issuers may name us among them.
  const bool others_issue =
      context.policy.issuers_are_foreign() && !context.policy.may_issue(context.self, context.self);
  if (!context.policy.governs(csr.spec.signer_name) || others_issue) {
    return ended(Outcome::kNotOurs);
  }
  if (has_ended(csr)) return ended(Outcome::kDone);
  if (!may_sign(context)) return retry({});
  if (!csr.has_condition("Approved")) return approve(csr, context);
  // Before a key and the tenant's quota are used for nothing.
  if (const std::string problem = context.audit.problem(); !problem.empty()) return awaits_log(problem);
  const SigningRequest request = signing_request_of(csr);
  Decision decision = context.policy.evaluate(request, context.namespaces);
  if (!decision.grant) return refuse(csr, request, decision, context);
  return sign(csr, request, std::move(decision), context);
}

}  // namespace

void UnsettledCertificates::add(Entry entry) {
  const std::lock_guard lock(mutex_);
  std::string name = entry.csr.name;
  entries_.insert_or_assign(std::move(name), std::move(entry));
}

std::optional<Entry> UnsettledCertificates::take(const std::string& csr_name) {
  const std::lock_guard lock(mutex_);
  auto node = entries_.extract(csr_name);
  if (node.empty()) return std::nullopt;
  return std::move(node.mapped());
}

std::optional<Entry> UnsettledCertificates::take() {
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return std::nullopt;
  return std::move(entries_.extract(entries_.begin()).mapped());
}

std::size_t UnsettledCertificates::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

bool is_idle(const CertificateSigningRequest& csr, const Policy& policy) {
  return has_ended(csr) || (!csr.has_condition("Approved") && !we_approve(csr, policy));
}

ReconcileResult reconcile(const CertificateSigningRequest& csr, const ReconcileContext& context) {
  bool overtaken = false;
  if (std::optional<Entry> entry = context.unsettled.take(csr.name)) {
    // The watch may have told already; only what it shows to be published is sure, for it may lag behind.
    Ending ending = ending_in(*entry, csr, {});
    if (ending.kind != Ending::Kind::kPublished) ending = send(*entry, context, false);
    if (auto result = conclude(std::move(*entry), ending, context)) return *result;
    overtaken = true;
  }
  CertificateSigningRequest object = csr;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (overtaken) {
      auto fresh = context.api.get_csr(csr.name);
      if (!fresh && fresh.error().kind == KubeError::Kind::kNotFound) return ended(Outcome::kDone);
      if (!fresh) return retry("reading the request again", fresh.error());
      object = std::move(*fresh);
    }
    if (auto result = judge(object, context)) return *result;
    overtaken = true;
  }
  return retry("the request changed " + std::to_string(kMaxAttempts) + " times while it was judged");
}

void settle(const ReconcileContext& context) {
  while (std::optional<Entry> entry = context.unsettled.take()) {
    const Ending ending = send(*entry, context, false);
    static_cast<void>(conclude(std::move(*entry), ending, context));
    if (ending.kind == Ending::Kind::kUnknown) return;
  }
}

}  // namespace signet
