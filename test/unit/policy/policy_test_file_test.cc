#include "policy/policy_test_file.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

std::string with_case(std::string_view fields) {
  return "apiVersion: signet/v1alpha1\nkind: SignerPolicyTest\npolicy: p.yaml\ncases:\n" + std::string(fields);
}

std::string problems_of(const std::string& yaml) {
  const auto test = load_policy_test(yaml, "t.yaml");
  std::string text;
  if (!test) {
    for (const PolicyProblem& problem : test.error()) {
      text += to_string(problem) + "\n";
    }
  }
  return text;
}

TEST_CASE("A case that says everything means what it says") {
  const auto test = load_policy_test(with_case("- name: c\n"
                                               "  identity: spiffe://d/ns/a/sa/b\n"
                                               "  dnsNames: [a.svc, a.svc]\n"
                                               "  signer: s\n"
                                               "  requester: alice\n"
                                               "  groups: [g]\n"
                                               "  key: RSA-1024\n"
                                               "  usages: [client auth, client auth]\n"
                                               "  duration: 1h30m\n"
                                               "  mutate: true\n"
                                               "  expect: granted\n"
                                               "  grantedSigner: t\n"
                                               "  grantedLifetime: 10m\n"),
                                     "t.yaml");
  REQUIRE(test);
  CHECK(test->policy == "p.yaml");
  REQUIRE(test->cases.size() == 1);
  const PolicyTestCase& read = test->cases.front();
  CHECK(read.name == "c");
  CHECK(read.mark == YamlMark{5, 3});
  CHECK(read.file.empty());
  CHECK(read.sketch.identity == "spiffe://d/ns/a/sa/b");
  CHECK(read.sketch.dns_names == std::vector<std::string>{"a.svc", "a.svc"});
  CHECK(read.sketch.signer == "s");
  CHECK(read.sketch.requester == "alice");
  CHECK(read.sketch.groups == std::vector<std::string>{"g"});
  CHECK(read.sketch.key == "RSA-1024");
  CHECK(read.sketch.usages == std::vector<std::string>{"client auth", "client auth"});
  CHECK(read.sketch.duration == std::chrono::minutes(90));
  CHECK(read.sketch.mutate);
  CHECK(read.expected.verdict == Decision::Verdict::kGranted);
  CHECK(read.expected.signer == "t");
  CHECK(read.expected.lifetime == std::chrono::minutes(10));
}

TEST_CASE("A case that says least leaves the rest as a workload asks") {
  const auto test =
      load_policy_test(with_case("- {name: c, dnsNames: [a.svc], signer: s, expect: [NoTenant, KeyNotAllowed]}\n"
                                 "- {name: o, file: f.json, expect: not-ours}\n"),
                       "t.yaml");
  REQUIRE(test);
  REQUIRE(test->cases.size() == 2);
  const PolicyTestCase& sketched = test->cases[0];
  CHECK(sketched.sketch.key == RequestSketch().key);
  CHECK(sketched.sketch.usages == RequestSketch().usages);
  CHECK_FALSE(sketched.sketch.duration);
  CHECK_FALSE(sketched.sketch.mutate);
  CHECK(sketched.expected.verdict == Decision::Verdict::kDenied);
  CHECK(sketched.expected.reasons == std::vector{Reason::kNoTenant, Reason::kKeyNotAllowed});
  CHECK(test->cases[1].file == "f.json");
  CHECK(test->cases[1].file_mark == YamlMark{6, 19});
  CHECK(test->cases[1].expected.verdict == Decision::Verdict::kNotOurs);
}

TEST_CASE("A case tells the labels of its namespace, its addresses and what its modes let pass") {
  const auto test = load_policy_test(
      with_case("- {name: a, ipAddresses: [10.0.0.1], signer: s, expect: granted, wouldDeny: [KeyNotAllowed], "
                "grantedSigner: s}\n"
                "- {name: b, identity: i, namespaceLabels: {team: shop, empty: ''}, signer: s, expect: granted}\n"
                "- {name: c, file: f.json, namespaceLabels: {}, expect: granted, wouldDeny: [SignerNotAllowed]}\n"),
      "t.yaml");
  REQUIRE(test);
  const PolicyTestCase& addressed = test->cases[0];
  CHECK(addressed.sketch.ip_addresses == std::vector<std::string>{"10.0.0.1"});
  CHECK_FALSE(addressed.sketch.namespace_labels);
  CHECK(addressed.expected.verdict == Decision::Verdict::kTolerated);
  CHECK(addressed.expected.reasons == std::vector{Reason::kKeyNotAllowed});
  CHECK(addressed.expected.signer == "s");
  CHECK(test->cases[1].sketch.namespace_labels == Labels{{"empty", ""}, {"team", "shop"}});
  CHECK(test->cases[1].expected.verdict == Decision::Verdict::kGranted);
  CHECK(test->cases[2].sketch.namespace_labels == Labels{});
  CHECK(test->cases[2].expected.verdict == Decision::Verdict::kTolerated);
}

TEST_CASE("What a case cannot mean is told with its place") {
  const auto [fields, problem] = GENERATE(table<std::string, std::string>({
      {"[]", "t.yaml:4:8: cases: must not be empty\n"},
      {"- 1\n", "t.yaml:5:3: cases[0]: must be a map\n"},
      {"- {name: c, identity: i, expect: granted}\n", "t.yaml:5:3: cases[0]: key \"signer\" is missing\n"},
      {"- {name: c, signer: s, expect: granted}\n",
       "t.yaml:5:3: cases[0]: one of the keys \"identity\", \"dnsNames\", \"ipAddresses\" and \"file\" is missing\n"},
      {"- {name: c, identity: i, signer: s, expect: denied}\n",
       "t.yaml:5:45: cases[0].expect: must be granted, not-ours, or a list of the reason codes of a denial, "
       "[SignerNotAllowed]\n"},
      {"- {name: c, identity: i, signer: s, expect: []}\n", "t.yaml:5:45: cases[0].expect: must not be empty\n"},
      {"- {name: c, identity: i, signer: s, expect: [NoTenant, NoTenant]}\n",
       "t.yaml:5:56: cases[0].expect[1]: \"NoTenant\" is repeated; it stands in line 5 already\n"},
      {"- {name: c, identity: i, signer: s, expect: [NoTenant], grantedSigner: s}\n",
       "t.yaml:5:72: cases[0].grantedSigner: is expected of what is granted alone\n"},
      {"- {name: c, identity: i, signer: s, expect: [NoTenant], wouldDeny: [NoTenant]}\n",
       "t.yaml:5:68: cases[0].wouldDeny: is expected of what is granted alone\n"},
      {"- {name: c, identity: i, signer: s, expect: granted, wouldDeny: NoTenant}\n",
       "t.yaml:5:65: cases[0].wouldDeny: must be a list\n"},
      {"- {name: c, identity: i, signer: s, expect: granted, wouldDeny: [Nobody]}\n",
       "t.yaml:5:66: cases[0].wouldDeny[0]: \"Nobody\" is not a reason code: RequestMalformed, RequesterNotAllowed, "
       "ExtensionNotAllowed, CaRequested, SubjectAltNameNotAllowed, IdentityInvalid, NoTenant, TenantSuspended, "
       "SignerNotAllowed, KeyNotAllowed, UsageNotAllowed, DurationTooLong, DurationTooShort, IssuerNotAllowed, "
       "CertificateNotAllowed, VariableLocked, NamespaceNotAllowed\n"},
      {"- {name: c, identity: i, signer: s, namespaceLabels: [a], expect: granted}\n",
       "t.yaml:5:54: cases[0].namespaceLabels: must be a map\n"},
      {"- {name: c, identity: i, signer: s, namespaceLabels: {team: 1, -a: b}, expect: granted}\n",
       "t.yaml:5:61: cases[0].namespaceLabels.team: must be a text; \"1\" without quotes is something else to YAML "
       "readers (a number, a boolean, a null): quote it\n"
       "t.yaml:5:64: cases[0].namespaceLabels: \"-a\" is not a label's key\n"},
      {"- {name: c, identity: i, signer: s, mutate: yes, expect: granted}\n",
       "t.yaml:5:45: cases[0].mutate: must be true or false\n"},
      {"- {name: c, identity: i, signer: s, duration: 1d, expect: granted}\n",
       "t.yaml:5:47: cases[0].duration: \"1d\" is not a duration such as 24h or 1h30m (at most 596523h)\n"},
      {"- {name: c, identity: '', signer: s, expect: granted}\n",
       "t.yaml:5:23: cases[0].identity: \"\" is not a text of one line, without control characters\n"},
      {"- {name: \"\\e[1m\", file: f, expect: granted}\n",
       "t.yaml:5:10: cases[0].name: \"?[1m\" is not a text of one line, without control characters\n"},
      {"- {name: c, file: f, expect: granted}\n- {name: c, file: g, expect: granted}\n",
       "t.yaml:6:10: cases[1].name: \"c\" is the case in line 5 already\n"},
      {"- {name: c, file: f, requester: self, expect: granted}\n",
       "t.yaml:5:33: cases[0].requester: self is the account that an identity names; of a file, write the user name\n"},
      {"- {name: c, file: f, expect: granted, grantedSigner: s}\n",
       "t.yaml:5:39: cases[0]: unknown key \"grantedSigner\"; known are name, file, namespaceLabels, requester, "
       "groups, expect, wouldDeny\n"},
  }));
  CAPTURE(fields);
  const std::string yaml =
      fields == "[]" ? with_case("").substr(0, with_case("").size() - 1) + " []\n" : with_case(fields);
  CHECK(problems_of(yaml) == problem);
}

TEST_CASE("What is no test file is refused") {
  const auto [yaml, problem] = GENERATE(table<std::string, std::string>({
      {"", "t.yaml: must be a map\n"},
      {"a: [", "t.yaml:1:1: not YAML: end of sequence flow not found\n"},
      {"a: 1\na: 2\n", "t.yaml:2:1: key \"a\" is repeated; it stands in line 1 already\n"},
  }));
  CAPTURE(yaml);
  CHECK(problems_of(yaml) == problem);
}

}  // namespace
}  // namespace signet
