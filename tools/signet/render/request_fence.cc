#include "tools/signet/render/request_fence.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policy/certificate_limits.h"
#include "policy/policy_language.h"
#include "policy/workload_signers.h"
#include "tools/signet/render/cel.h"

namespace signet {
namespace {

using Validation = AdmissionPolicy::Validation;
using Tenants = std::vector<const PolicyModel::Tenant*>;

// cert-manager honours these (https://cert-manager.io/docs/usage/kube-csr/), and anybody may edit them later.
const std::string kIsCa = "experimental.cert-manager.io/request-is-ca";
const std::string kDuration = "experimental.cert-manager.io/request-duration";

// A duration that policy reads (duration.h), or nothing; and no more digits than it takes for the longest.
const std::string kDurationPattern = "^(0*[0-9]{1,6}h)?(0*[0-9]{1,8}m)?(0*[0-9]{1,10}s)?$";

const std::string kSigner = "variables.signer";

class RequestFence {
 public:
  explicit RequestFence(const Policy& policy) : policy_(policy) {
    for (const PolicyModel::Tenant& tenant : policy.model().tenants) {
      for (const std::string& signer : signers_of_tenant(tenant)) {
        tenants_[signer].push_back(&tenant);
      }
    }
  }

  [[nodiscard]] AdmissionPolicy build() {
    AdmissionPolicy fence = {.name = "signet-certificatesigningrequests",
                             .rule = {"certificates.k8s.io", "v1", "CREATE, UPDATE",
                                      "certificatesigningrequests, certificatesigningrequests/approval, "
                                      "certificatesigningrequests/status",
                                      "Cluster"},
                             .namespaces = {},
                             .conditions = {{"our-signer-domain", "object.spec.signerName.startsWith(" +
                                                                      cel_text(policy_.signer_name("")) + ")"}},
                             .variables = {},
                             .validations = {},
                             .failure_policy = "Fail"};
    const std::string signer =
        "object.spec.signerName.substring(" + std::to_string(policy_.signer_name("").size()) + ")";
    if (policy_.model().other_signers == PolicyModel::OtherSigners::kPass) {
      fence.conditions.push_back({"signer-of-a-tenant", signer + " in " + cel_list(known_signers())});
    }
    fence.variables = {{"signer", signer}, {"known", kSigner + " in " + cel_list(known_signers())}};
    check_signer(fence);
    check_requester(fence);
    check_is_ca(fence);
    check_usages(fence);
    check_lifetime(fence);
    return fence;
  }

 private:
  [[nodiscard]] std::vector<std::string> known_signers() const {
    std::vector<std::string> signers = policy_.signers();
    if (!policy_.model().routed_signer.empty()) {
      signers.push_back(policy_.model().routed_signer);  // nobody rewrites it while we are away, and no CA carries it
    }
    return signers;
  }

  // Where a check with this reason is not to be made: of the signers for which it is not enforced, and of the routed
  // signer, which is none of them. Nothing where it is made of none.
  [[nodiscard]] std::optional<std::string> unless_kept(Reason reason) const {
    std::vector<std::string> kept;
    for (const auto& [signer, tenants] : tenants_) {
      if (policy_.mode_of(reason, tenants.front(), signer) == Mode::kEnforce) {
        kept.push_back(signer);
      }
    }
    if (kept.empty()) {
      return std::nullopt;
    }
    if (kept.size() == tenants_.size() && policy_.model().routed_signer.empty()) {
      return "!variables.known || ";
    }
    return "!(" + kSigner + " in " + cel_list(kept) + ") || ";
  }

  // What a table by signer has for each: `value` of the tenants that have it.
  [[nodiscard]] std::string by_signer(
      const std::function<std::string(const Tenants&, const std::string&)>& value) const {
    std::map<std::string, std::string> values;
    for (const auto& [signer, tenants] : tenants_) {
      values.emplace(signer, value(tenants, signer));
    }
    return cel_lookup(values, kSigner);
  }

  static std::string refused(Reason reason) { return "signet: " + std::string(to_string(reason)) + ": "; }

  void check_signer(AdmissionPolicy& fence) const {
    if (policy_.mode_of(Reason::kSignerNotAllowed, nullptr, {}) != Mode::kEnforce) {
      return;
    }
    const std::string message = refused(Reason::kSignerNotAllowed) + "asked for a signer which no tenant has";
    fence.validations.push_back({"variables.known", message,
                                 cel_text(refused(Reason::kSignerNotAllowed) + "asked for signer \"") + " + " +
                                     kSigner + " + \"\\\", which no tenant has\""});
  }

  void check_requester(AdmissionPolicy& fence) const {
    const auto unless = unless_kept(Reason::kRequesterNotAllowed);
    if (!unless) {
      return;
    }
    const PolicyModel& model = policy_.model();
    std::set<std::string> names(model.requesters.begin(), model.requesters.end());
    std::set<std::string> groups(model.requester_groups.begin(), model.requester_groups.end());
    for (const PolicyModel::Tenant& tenant : model.tenants) {
      names.insert(tenant.requesters.begin(), tenant.requesters.end());
      groups.insert(tenant.requester_groups.begin(), tenant.requester_groups.end());
      for (const PolicyModel::Service& service : tenant.services) {
        names.insert(service.requesters.begin(), service.requesters.end());
        groups.insert(service.requester_groups.begin(), service.requester_groups.end());
      }
    }
    if (names.erase(std::string(kSelfRequester)) != 0) {
      groups.insert("system:serviceaccounts");
    }
    fence.variables.push_back({"requesters", cel_list({names.begin(), names.end()})});
    fence.variables.push_back({"requesterGroups", cel_list({groups.begin(), groups.end()})});
    const std::string lists = "; allowed are the accounts listed in requesters and in those of the tenants";
    fence.validations.push_back(
        {*unless +
             "request.operation != \"CREATE\" || request.userInfo.username in variables.requesters || "
             "(has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in variables.requesterGroups))",
         refused(Reason::kRequesterNotAllowed) + "somebody may not ask" + lists,
         cel_text(refused(Reason::kRequesterNotAllowed) + "\"") + " + request.userInfo.username + " +
             cel_text("\" may not ask" + lists)});
  }

  // What was there before stays as it is, so that nobody's clean-up waits.
  static std::string is_an_update_of_the_same(const std::string& annotation, const std::string& variable) {
    return "request.operation == \"UPDATE\" && variables." + variable + " == oldObject.metadata.?annotations[?" +
           cel_text(annotation) + "]";
  }

  static void check_is_ca(AdmissionPolicy& fence) {
    fence.variables.push_back({"isCa", "object.metadata.?annotations[?" + cel_text(kIsCa) + "]"});
    const std::string begin = refused(Reason::kCaRequested) + "annotation " + kIsCa + " is ";
    const std::string end = "; only certificates of workloads are signed";
    fence.validations.push_back(
        {"variables.isCa.orValue(\"false\") == \"false\" || (" + is_an_update_of_the_same(kIsCa, "isCa") + ")",
         begin + "set" + end, cel_text(begin + "\"") + " + variables.isCa.orValue(\"\") + " + cel_text("\"" + end)});
  }

  void check_usages(AdmissionPolicy& fence) const {
    const auto unless = unless_kept(Reason::kUsageNotAllowed);
    if (!unless) {
      return;
    }
    fence.variables.push_back({"usages", by_signer([&](const Tenants& tenants, const std::string& signer) {
                                 std::set<std::string> names;
                                 for (const PolicyModel::Tenant* const tenant : tenants) {
                                   for (const Usage usage :
                                        LimitsInForce(*tenant, policy_.described_signer(signer)).usages()) {
                                     names.emplace(to_string(usage));
                                   }
                                 }
                                 return cel_list({names.begin(), names.end()});
                               })});
    const std::string begin = refused(Reason::kUsageNotAllowed) + "asked for usage ";
    const std::string refused_usages = "object.spec.usages.filter(u, !(u in variables.usages))";
    fence.validations.push_back(
        {*unless + "request.operation != \"CREATE\" || object.spec.usages.all(u, u in variables.usages)",
         begin + "that no tenant of the signer may have",
         cel_text(begin + "\"") + " + " + refused_usages +
             ".join(\"\\\", \\\"\") + \"\\\"; allowed are at most \\\"\" + variables.usages.join(\"\\\", \\\"\") + "
             "\"\\\"\""});
  }

  void check_lifetime(AdmissionPolicy& fence) const {
    const auto unless = unless_kept(Reason::kDurationTooLong);
    if (!unless) {
      return;
    }
    fence.variables.push_back({"maxSeconds", by_signer([&](const Tenants& tenants, const std::string& signer) {
                                 std::chrono::seconds most(0);
                                 for (const PolicyModel::Tenant* const tenant : tenants) {
                                   most = std::max(
                                       most, LimitsInForce(*tenant, policy_.described_signer(signer)).max_duration());
                                 }
                                 return std::to_string(most.count());
                               })});
    fence.variables.push_back({"askedDuration", "object.metadata.?annotations[?" + cel_text(kDuration) + "]"});
    const std::string allowed = " + \"; allowed are at most \" + string(variables.maxSeconds) + \" s\"";
    const std::string seconds = refused(Reason::kDurationTooLong) + "spec.expirationSeconds ";
    const std::string more = "more than any tenant of the signer may have";
    fence.validations.push_back(
        {*unless + "request.operation != \"CREATE\" || !has(object.spec.expirationSeconds) || "
                   "object.spec.expirationSeconds <= variables.maxSeconds",
         seconds + "asks for " + more,
         cel_text(seconds + "asks for ") + " + string(object.spec.expirationSeconds) + \" s\"" + allowed});
    if (policy_.issuers_are_foreign()) {
      const std::string most = std::to_string(kForeignDefaultDuration.count());
      const std::string absent = seconds + "is absent, for which the signer gives " + most + " s";
      fence.validations.push_back({*unless +
                                       "request.operation != \"CREATE\" || has(object.spec.expirationSeconds) || "
                                       "variables.askedDuration.hasValue() || " +
                                       most + " <= variables.maxSeconds",
                                   absent, cel_text(absent) + allowed});
    }
    const std::string annotation = refused(Reason::kDurationTooLong) + "annotation " + kDuration + " asks for ";
    // Not value(): what it gives, duration() does not take.
    const std::string text = "variables.askedDuration.orValue(\"\")";
    fence.validations.push_back(
        {*unless + "!variables.askedDuration.hasValue() || (" + is_an_update_of_the_same(kDuration, "askedDuration") +
             ") || (" + text + " != \"\" && " + text + ".matches(" + cel_text(kDurationPattern) + ") && duration(" +
             text + ") <= duration(string(variables.maxSeconds) + \"s\"))",
         annotation + more, cel_text(annotation + "\"") + " + " + text + " + \"\\\"\"" + allowed});
  }

  const Policy& policy_;
  std::map<std::string, Tenants> tenants_;  // by signer
};

}  // namespace

AdmissionPolicy fence_of_requests(const Policy& policy) { return RequestFence(policy).build(); }

}  // namespace signet
