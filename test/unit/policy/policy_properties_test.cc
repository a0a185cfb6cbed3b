// What holds of every policy and every request: tried with random ones, the same at every run.
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>

#include "policy/quoting.h"
#include "policy/workload_signers.h"
#include "test/unit/policy/policy_fixture.h"
#include "test/unit/policy/random_policy.h"

namespace signet {
namespace {

constexpr std::uint32_t kPolicies = 500;
constexpr int kRequests = 8;  // of each policy

constexpr RandomOptions kApart = {};
constexpr RandomOptions kTogether = {.namespaces_by_both_ends = true, .shared_signers = true};

// What was found, without its mode.
std::string found(const Decision& decision) {
  std::string told;
  for (const Finding& finding : decision.findings) {
    told += to_line(finding) + "\n";
  }
  return told;
}

// All that a decision says.
std::string told(const Decision& decision) {
  std::string text = std::string(to_string(decision.verdict)) + " " + decision.identity + " of " + decision.tenant +
                     " by " + decision.rule + ": " + codes(decision) + "\n" + found(decision);
  if (decision.grant) {
    const Grant::Terms& terms = decision.grant->terms();
    text += terms.signer + " for " + terms.tenant + " " + std::string(to_string(terms.key_type)) + " " +
            joined(terms.names, &SubjectAltName::value) + " " +
            joined(terms.usages, [](Usage usage) { return to_string(usage); }) + " " +
            std::to_string(terms.lifetime.count()) + (terms.chain_ends_in_root ? " with root" : "") +
            (terms.quota ? " within a quota" : "");
  }
  return text;
}

bool asks_for_one_of(const SigningRequest& request, const std::vector<std::string>& signers) {
  return std::ranges::any_of(signers,
                             [&](const std::string& signer) { return request.signer_name == "example.com/" + signer; });
}

// Calls `property` with random policies, and of each some random requests. It fails with what was asked.
using Property = std::function<void(Random&, const PolicyModel&, const Policy&, const SigningRequest&,
                                    const NamespaceLabels&, const Decision&)>;
void holds(const RandomOptions& options, const Property& property) {
  int passed = 0;
  for (std::uint32_t seed = 0; seed < kPolicies; ++seed) {
    Random random(seed);
    const PolicyModel model = random_model(random, options);
    const Policy policy(model, "digest");
    for (int i = 0; i < kRequests; ++i) {
      const SigningRequest request = random_request(random);
      const KnownNamespaces namespaces = random_namespaces(random);
      const Decision decision = policy.evaluate(request, namespaces);
      passed += decision.denied() ? 0 : 1;
      property(random, model, policy, request, namespaces, decision);
    }
  }
  CHECK(passed > static_cast<int>(kPolicies));  // else the requests try too little
}

// Cheaper than an assertion of Catch's for each of the many that hold.
void expect(bool held, const std::string& what, const SigningRequest& request, const std::string& before,
            const std::string& after) {
  if (!held) {
    FAIL(what << ": " << request.requester << " asks " << request.signer_name << "\n"
              << before << "\n-----\n"
              << after);
  }
}

TEST_CASE("A decision depends on policy, request and labels alone") {
  holds(kTogether, [](Random&, const PolicyModel& model, const Policy& policy, const SigningRequest& request,
                      const NamespaceLabels& namespaces, const Decision& decision) {
    EvaluationTrace trace;
    for (const Decision& again : {policy.evaluate(request, namespaces), policy.evaluate(request, namespaces, &trace),
                                  Policy(model, "digest").evaluate(request, namespaces)}) {
      expect(told(again) == told(decision), "another decision", request, told(decision), told(again));
    }
    for (const Finding& finding : decision.findings) {
      expect(trace.made.contains(finding.reason), "found by a check that was not made", request, told(decision), "");
    }
  });
}

TEST_CASE(
    "Findings are in order, a verdict is what their modes say, and a grant within the limits of tenant and signer") {
  holds(kTogether, [](Random&, const PolicyModel&, const Policy& policy, const SigningRequest& request,
                      const NamespaceLabels&, const Decision& decision) {
    using Verdict = Decision::Verdict;
    expect(std::ranges::is_sorted(decision.findings, {}, &Finding::reason), "disorder", request, told(decision), "");
    const bool refused = refuses(decision.findings);
    expect(decision.denied() == refused, "verdict", request, told(decision), "");
    const bool clean = decision.findings.empty() && decision.verdict != Verdict::kNotOurs;
    expect((decision.verdict == Verdict::kGranted) == clean, "verdict", request, told(decision), "");
    expect(!clean || decision.grant, "granted nothing", request, told(decision), "");
    expect(!decision.grant || !refused, "granted what is refused", request, told(decision), "");
    if (!decision.grant) {
      return;
    }
    const Grant::Terms& terms = decision.grant->terms();
    const PolicyModel::Tenant& tenant = *policy.tenant_named(terms.tenant);
    const LimitsInForce limits(tenant, policy.described_signer(terms.signer));
    expect(terms.lifetime.count() > 0 && !terms.usages.empty() && !terms.names.empty() && !tenant.suspended,
           "what cannot be signed", request, told(decision), "");
    expect(policy.signer_name(terms.signer) == request.signer_name, "another signer", request, told(decision), "");
    if (clean) {
      expect(limits.allows(terms.key_type) && terms.lifetime <= limits.max_duration() &&
                 terms.lifetime >= limits.min_duration() &&
                 std::ranges::all_of(terms.usages, [&](Usage usage) { return limits.allows(usage); }),
             "beyond the limits", request, told(decision), "");
    }
  });
}

TEST_CASE("A tenant that enforces is asked for a certificate by its own alone, whatever others let pass") {
  holds(kTogether, [](Random&, const PolicyModel& model, const Policy& policy, const SigningRequest& request,
                      const NamespaceLabels&, const Decision& decision) {
    if (decision.denied() || decision.verdict == Decision::Verdict::kNotOurs) {
      return;
    }
    const std::string_view signer = *policy.signer_in_domain(request.signer_name);
    for (const PolicyModel::Tenant& owner : model.tenants) {
      const bool has = std::ranges::find(owner.signers, signer) != owner.signers.end();
      const Mode mode = policy.mode_of(Reason::kSignerNotAllowed, &owner, {});
      const PolicyModel::Tenant* const asking = policy.tenant_named(decision.tenant);
      const bool shares = asking != nullptr && std::ranges::find(asking->signers, signer) != asking->signers.end();
      expect(!has || mode != Mode::kEnforce || shares || asking == nullptr, "another's signer", request, told(decision),
             owner.name);
    }
  });
}

TEST_CASE("The order of tenants does not matter") {
  holds(kTogether, [](Random&, const PolicyModel& model, const Policy&, const SigningRequest& request,
                      const NamespaceLabels& namespaces, const Decision& decision) {
    PolicyModel turned = model;
    std::ranges::reverse(turned.tenants);
    std::ranges::rotate(turned.signers, turned.signers.begin() + (turned.signers.empty() ? 0 : 1));
    const Decision other = Policy(std::move(turned), "digest").evaluate(request, namespaces);
    expect(told(other) == told(decision), "another decision", request, told(decision), told(other));
  });
}

TEST_CASE("A tenant more changes nothing for the others and their signers, where what it has can be nobody else's") {
  holds(kApart, [](Random& random, const PolicyModel& model, const Policy&, const SigningRequest& request,
                   const NamespaceLabels& namespaces, const Decision& decision) {
    PolicyModel grown = model;
    const std::size_t place = random.below(kTenants + 1);
    const PolicyModel::Tenant added = random_tenant(random, kTenants, kApart);
    grown.tenants.insert(grown.tenants.begin() + static_cast<std::ptrdiff_t>(place), added);
    const Decision after = Policy(std::move(grown), "digest").evaluate(request, namespaces);
    if (!decision.tenant.empty() && !asks_for_one_of(request, signers_of_tenant(added))) {
      expect(told(after) == told(decision), "another decision", request, told(decision), told(after));
    }
  });
}

TEST_CASE("A tenant more never lets pass what was refused another by a signer that there was, whatever they share") {
  holds(kTogether, [](Random& random, const PolicyModel& model, const Policy& policy, const SigningRequest& request,
                      const NamespaceLabels& namespaces, const Decision& decision) {
    PolicyModel grown = model;
    grown.tenants.push_back(random_tenant(random, kTenants, kTogether));
    const Policy after_policy(std::move(grown), "digest");
    const Decision after = after_policy.evaluate(request, namespaces);
    const PolicyModel::Tenant& added = after_policy.model().tenants.back();
    const bool new_signer = asks_for_one_of(request, signers_of_tenant(added)) &&
                            !policy.has_signer(policy.signer_in_domain(request.signer_name).value_or(""));
    if (!decision.tenant.empty() && !new_signer) {
      expect(after.denied() || !decision.denied(), "passes now", request, told(decision), told(after));
      expect(after.tenant == decision.tenant || after.tenant.empty(), "changed hands", request, told(decision),
             told(after));
    }
  });
}

// Makes the policy stricter in one way, if there is one to make.
struct Tightening {
  std::string name;
  std::function<void(Random&, PolicyModel&)> tighten;
};

template <typename Value>
void take_one_away(Random& random, std::vector<Value>& values, std::size_t least) {
  if (values.size() > least) {
    values.erase(values.begin() + static_cast<std::ptrdiff_t>(random.below(values.size())));
  }
}

const std::vector<Tightening>& tightenings() {
  using OutOfBounds = CertificateLimits::OutOfBounds;
  const auto of_tenant = [](auto change) {
    return [change](Random& random, PolicyModel& model) {
      change(random, model.tenants[random.below(model.tenants.size())]);
    };
  };
  const auto of_signer = [](auto change) {
    return [change](Random& random, PolicyModel& model) {
      if (!model.signers.empty()) {
        change(random, model.signers[random.below(model.signers.size())].certificate);
      }
    };
  };
  static const std::vector<Tightening> all = {
      {"a key type less", of_tenant([](Random& r, auto& tenant) { take_one_away(r, tenant.certificate.keys, 1); })},
      {"a usage less", of_tenant([](Random& r, auto& tenant) { take_one_away(r, tenant.certificate.usages, 1); })},
      {"a shorter longest lifetime", of_tenant([](Random&, auto& tenant) { tenant.certificate.max_duration /= 2; })},
      {"a longer shortest lifetime",
       of_tenant([](Random&, auto& tenant) { tenant.certificate.min_duration += std::chrono::hours(1); })},
      {"lifetimes out of bounds refused",
       of_tenant([](Random&, auto& tenant) { tenant.certificate.out_of_bounds = OutOfBounds::kDeny; })},
      {"limits of a signer that had none",
       [](Random& random, PolicyModel& model) {
         const std::string& signer = random.one_of(model.tenants[random.below(model.tenants.size())].signers);
         if (std::ranges::find(model.signers, signer, &PolicyModel::Signer::name) == model.signers.end()) {
           model.signers.push_back({.name = signer,
                                    .certificate = {.keys = {KeyType::kEcdsaP256, KeyType::kRsa2048},
                                                    .usages = {Usage::kServerAuth},
                                                    .min_duration = std::chrono::hours(1),
                                                    .max_duration = std::chrono::hours(2)}});
         }
       }},
      {"a signer's key type less", of_signer([](Random& r, auto& limits) { take_one_away(r, limits.keys, 1); })},
      {"a signer's usage less", of_signer([](Random& r, auto& limits) { take_one_away(r, limits.usages, 1); })},
      {"a signer's longest lifetime",
       of_signer([](Random&, auto& limits) { limits.max_duration = std::chrono::minutes(20); })},
      {"a signer's shortest lifetime",
       of_signer([](Random&, auto& limits) { limits.min_duration = std::chrono::hours(6); })},
      {"a signer's lifetimes out of bounds refused",
       of_signer([](Random&, auto& limits) { limits.out_of_bounds = OutOfBounds::kDeny; })},
      {"a requester less", [](Random& random, PolicyModel& model) { take_one_away(random, model.requesters, 1); }},
      {"no groups of requesters", [](Random&, PolicyModel& model) { model.requester_groups.clear(); }},
      {"a tenant's requester less", of_tenant([](Random& r, auto& tenant) { take_one_away(r, tenant.requesters, 0); })},
      {"no groups of a tenant's", of_tenant([](Random&, auto& tenant) { tenant.requester_groups.clear(); })},
      {"a service's requester less", of_tenant([](Random&, auto& tenant) {
         for (PolicyModel::Service& service : tenant.services) {
           service.requesters.clear();
         }
       })},
      {"a DNS name less", of_tenant([](Random&, auto& tenant) { tenant.dns_names.clear(); })},
      {"a tenant suspended", of_tenant([](Random&, auto& tenant) { tenant.suspended = true; })},
      {"a tenant's modes enforced",
       of_tenant([](Random&, auto& tenant) { tenant.modes = {.all = Mode::kEnforce, .named = {}}; })},
      {"a reason enforced for all",
       [](Random& random, PolicyModel& model) {
         model.modes.named[random.one_of(std::vector<Reason>(kReasons.begin(), kReasons.end()))] = Mode::kEnforce;
       }},
      {"signers that no tenant has refused",
       [](Random&, PolicyModel& model) { model.other_signers = PolicyModel::OtherSigners::kDeny; }},
  };
  return all;
}

TEST_CASE("A tighter limit never lets more pass, nor for longer, also after /mutate") {
  holds(kTogether, [](Random& random, const PolicyModel& model, const Policy& policy, const SigningRequest& request,
                      const NamespaceLabels& namespaces, const Decision& before) {
    const auto mutated = [&](const Policy& by) {
      SigningRequest patched = request;
      const Policy::Adjustment adjustment = by.adjust(request, namespaces);
      patched.signer_name = adjustment.signer_name.value_or(patched.signer_name);
      patched.expiration_seconds =
          adjustment.expiration_seconds ? adjustment.expiration_seconds : patched.expiration_seconds;
      return by.evaluate(patched, namespaces);
    };
    const Tightening& tightening = random.one_of(tightenings());
    PolicyModel tightened = model;
    tightening.tighten(random, tightened);
    const Policy tighter(std::move(tightened), "digest");
    const Decision after = tighter.evaluate(request, namespaces);
    expect(after.denied() || !before.denied(), tightening.name, request, told(before), told(after));
    expect(!after.grant || (before.grant && after.grant->terms().lifetime <= before.grant->terms().lifetime),
           tightening.name, request, told(before), told(after));
    const Decision mutated_before = mutated(policy);
    const Decision mutated_after = mutated(tighter);
    expect(mutated_after.denied() || !mutated_before.denied(), tightening.name + ", after /mutate", request,
           told(mutated_before), told(mutated_after));
  });
}

TEST_CASE("Modes never change what is found, nor those of others what is decided of a tenant that enforces") {
  holds(kTogether, [](Random& random, const PolicyModel& model, const Policy&, const SigningRequest& request,
                      const NamespaceLabels& namespaces, const Decision& decision) {
    const std::size_t enforcing = random.below(kTenants);
    const auto with_other_modes = [&] {
      PolicyModel changed = model;
      changed.modes = random_modes(random);
      for (std::size_t i = 0; i < kTenants; ++i) {
        changed.tenants[i].modes = i == enforcing ? Modes{.all = Mode::kEnforce, .named = {}} : random_modes(random);
      }
      return Policy(std::move(changed), "digest");
    };
    const Policy one_policy = with_other_modes();
    const Decision one = one_policy.evaluate(request, namespaces);
    const Decision other = with_other_modes().evaluate(request, namespaces);
    expect(found(one) == found(decision), "found something else", request, told(decision), told(one));
    const PolicyModel::Tenant& tenant = model.tenants[enforcing];
    const std::string_view signer = one_policy.signer_in_domain(request.signer_name).value_or("");
    if (one.tenant == tenant.name || std::ranges::find(tenant.signers, signer) != tenant.signers.end()) {
      expect(told(one) == told(other), "another decision", request, told(one), told(other));
      expect(one.denied() || one.findings.empty(), "passes", request, told(one), "");
    }
  });
}

TEST_CASE("What was adjusted once is not adjusted again, and a lifetime that was clamped is in bounds") {
  holds(kTogether, [](Random&, const PolicyModel&, const Policy& policy, const SigningRequest& request,
                      const NamespaceLabels& namespaces, const Decision& decision) {
    const Policy::Adjustment adjustment = policy.adjust(request, namespaces);
    SigningRequest adjusted = request;
    adjusted.signer_name = adjustment.signer_name.value_or(request.signer_name);
    if (adjustment.expiration_seconds) {
      adjusted.expiration_seconds = adjustment.expiration_seconds;
    }
    const Policy::Adjustment again = policy.adjust(adjusted, namespaces);
    const Decision after = policy.evaluate(adjusted, namespaces);
    expect(!again.signer_name && !again.expiration_seconds, "adjusted again", request, told(decision), told(after));
    const PolicyModel::Tenant* const tenant = policy.tenant_named(after.tenant);
    if (tenant == nullptr || request.annotated_duration) {
      return;
    }
    const LimitsInForce limits(*tenant, policy.described_signer(*policy.signer_in_domain(adjusted.signer_name)));
    if (limits.clamps() && limits.min_duration() <= limits.max_duration()) {
      const std::string_view signer = *policy.signer_in_domain(adjusted.signer_name);
      expect(std::ranges::none_of(after.findings,
                                  [&](const Finding& finding) {
                                    const bool is_bound = finding.reason == Reason::kDurationTooLong ||
                                                          finding.reason == Reason::kDurationTooShort;
                                    return is_bound && policy.mode_of(finding.reason, tenant, signer) == Mode::kEnforce;
                                  }),
             "out of bounds", request, told(decision), told(after));
    }
  });
}

}  // namespace
}  // namespace signet
