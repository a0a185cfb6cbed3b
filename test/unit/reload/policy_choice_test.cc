#include "tools/signet/reload/policy_choice.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "signer/csr/sha256.h"

using namespace signet;
using Kind = PolicyChoice::Outcome::Kind;

namespace {

std::string policy_text() {
  std::ifstream file(SIGNET_TESTDATA "/policy.yaml");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string other_text() { return policy_text() + "# another digest\n"; }

/// Brings into force what it is given, or refuses.
struct Force {
  std::optional<PolicyRefusal> refusal;
  int asked = 0;
  std::string digest = sha256_hex(policy_text());

  PolicyChoice choice() {
    return {"p.yaml", digest, [this](const std::shared_ptr<const Policy>& policy) -> tl::expected<void, PolicyRefusal> {
              ++asked;
              if (refusal) return tl::unexpected(*refusal);
              digest = policy->digest();
              return {};
            }};
  }
};

}  // namespace

TEST_CASE("what a file holds comes into force, or what is in force stays and each problem is told") {
  struct Row {
    std::string name;
    FileWatch::Text text;
    std::optional<PolicyRefusal> refusal;
    Kind kind;
    std::vector<std::string> problems;
  };
  const auto line = [](int after) { return std::to_string(std::ranges::count(other_text(), '\n') + after); };
  const std::string broken = "apiVersion: signet/v1alpha1\nkind: SignerPolicy\nspec: [\n";
  const std::vector<Row> rows = {
      {"the same bytes", policy_text(), {}, Kind::kNothingNew, {}},
      {"another policy", other_text(), {}, Kind::kTaken, {}},
      {"no YAML", broken, {}, Kind::kNotTaken, {"p.yaml:4:1: "}},
      {"half a file", policy_text().substr(0, policy_text().find("  tenants:")), {}, Kind::kNotTaken, {"p.yaml:"}},
      {"an empty file", "", {}, Kind::kNotTaken, {"p.yaml"}},
      {"two mistakes",
       other_text() + "  otherSigner: pass\n  defaultSinger: foo\n",
       {},
       Kind::kNotTaken,
       {"p.yaml:" + line(1) + ":3: spec: unknown key \"otherSigner\"",
        "p.yaml:" + line(2) + ":3: spec: unknown key \"defaultSinger\""}},
      {"no file",
       tl::unexpected<std::string>("p.yaml: No such file or directory"),
       {},
       Kind::kNotTaken,
       {"p.yaml: No such file or directory"}},
      {"a policy that lacks something",
       other_text(),
       PolicyRefusal{.problems = {"signer \"foo\": no CA", "signer \"bar\": no CA"}, .may_pass = true},
       Kind::kNotTaken,
       {"signer \"foo\": no CA", "signer \"bar\": no CA"}},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Force force{.refusal = row.refusal};
    PolicyChoice choice = force.choice();
    const std::string before = force.digest;
    const auto outcome = choice.offer(row.text, false);
    CHECK(outcome.kind == row.kind);
    CHECK(outcome.before == before);
    CHECK(outcome.file == (row.text ? sha256_hex(*row.text) : ""));
    CHECK(force.digest == (row.kind == Kind::kTaken ? sha256_hex(*row.text) : before));
    REQUIRE(outcome.problems.size() == row.problems.size());
    for (std::size_t i = 0; i < row.problems.size(); ++i) {
      INFO(outcome.problems[i]);
      CHECK(outcome.problems[i].starts_with(row.problems[i]));
    }
    CHECK(choice.waits() == (row.refusal.has_value()));
  }
}

TEST_CASE("what was told is told again only to who asks, or when it is something else") {
  Force force;
  PolicyChoice choice = force.choice();
  const std::string broken = other_text() + "  otherSigner: pass\n";
  CHECK(choice.offer(broken, false).kind == Kind::kNotTaken);
  CHECK(choice.offer(broken, false).kind == Kind::kNothingNew);
  CHECK(choice.offer(broken, true).kind == Kind::kNotTaken);
  CHECK(choice.offer(broken, false).kind == Kind::kNothingNew);
  CHECK(choice.offer(broken + "\n", false).kind == Kind::kNotTaken);
  CHECK(choice.offer(tl::unexpected<std::string>("gone"), false).kind == Kind::kNotTaken);
  CHECK(choice.offer(tl::unexpected<std::string>("gone"), false).kind == Kind::kNothingNew);
  CHECK(choice.offer(broken, false).kind == Kind::kNotTaken);
  CHECK(force.asked == 0);
}

TEST_CASE("a file that holds what is in force again is told once, and mends what was said") {
  Force force;
  PolicyChoice choice = force.choice();
  CHECK(choice.offer(std::string("broken"), false).kind == Kind::kNotTaken);
  CHECK(choice.offer(policy_text(), false).kind == Kind::kBack);
  CHECK(choice.offer(policy_text(), false).kind == Kind::kNothingNew);
  CHECK(choice.offer(policy_text(), true).kind == Kind::kNothingNew);
  CHECK(choice.offer(std::string("broken"), false).kind == Kind::kNotTaken);
  CHECK(force.asked == 0);
}

TEST_CASE("what may be there later is tried again, and told when it is something else that is missing") {
  Force force{.refusal = PolicyRefusal{.problems = {"no CA"}, .may_pass = true}};
  PolicyChoice choice = force.choice();
  CHECK(choice.retry().kind == Kind::kNothingNew);
  CHECK(choice.offer(other_text(), false).kind == Kind::kNotTaken);
  CHECK(choice.retry().kind == Kind::kNothingNew);
  CHECK(choice.waits());
  force.refusal->problems = {"expired"};
  CHECK(choice.retry().problems == std::vector<std::string>{"expired"});
  force.refusal.reset();
  const auto taken = choice.retry();
  CHECK(taken.kind == Kind::kTaken);
  CHECK(taken.before == sha256_hex(policy_text()));
  CHECK(taken.file == sha256_hex(other_text()));
  CHECK(force.digest == taken.file);
  CHECK_FALSE(choice.waits());
  CHECK(force.asked == 4);
  CHECK(choice.offer(policy_text(), false).kind == Kind::kTaken);
}

TEST_CASE("what will not be there later is not tried again") {
  Force force{.refusal = PolicyRefusal{.problems = {"others issue"}, .may_pass = false}};
  PolicyChoice choice = force.choice();
  CHECK(choice.offer(other_text(), false).kind == Kind::kNotTaken);
  CHECK_FALSE(choice.waits());
}

TEST_CASE("a policy that waits is forgotten when the file holds something else") {
  struct Row {
    std::string name;
    FileWatch::Text text;
  };
  for (const Row& row : {Row{"broken", "broken"}, Row{"gone", tl::unexpected<std::string>("gone")},
                         Row{"what is in force", policy_text()}}) {
    INFO(row.name);
    Force force{.refusal = PolicyRefusal{.problems = {"no CA"}, .may_pass = true}};
    PolicyChoice choice = force.choice();
    CHECK(choice.offer(other_text(), false).kind == Kind::kNotTaken);
    CHECK(choice.waits());
    static_cast<void>(choice.offer(row.text, false));
    CHECK_FALSE(choice.waits());
  }
}

TEST_CASE("what is doubtful about a policy that is taken is told with it") {
  Force force;
  std::string text = policy_text();
  text.replace(text.find("signers: [bar]"), 14, "signers: [foo]");
  const auto outcome = force.choice().offer(text, false);
  CHECK(outcome.kind == Kind::kTaken);
  REQUIRE(outcome.warnings.size() == 1);
  CHECK(outcome.warnings[0].rule == PolicyRule::kSignerShared);
}
