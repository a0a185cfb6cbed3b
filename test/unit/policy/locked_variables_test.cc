#include "policy/locked_variables.h"

#include <catch2/catch.hpp>

#include "test/unit/policy/policy_fixture.h"

namespace signet {
namespace {

TEST_CASE("A locked variable is nobody's to set, but to a value that it may have") {
  const Policy policy = policy_of(R"(
  lockedVariables:
  - name: ISTIO_META_NETWORK
    values: [one, two]
  - name: CA_ADDR
  tenants:
  - {name: foo, namespaces: [foo], signers: [foo]}
  - {name: bar, namespaces: [bar], signers: [bar], modes: {VariableLocked: warn}}
)");
  const auto [name, value, expected] = GENERATE(table<std::string, std::optional<std::string_view>, std::string>({
      {"OTHER", "x", ""},
      {"OTHER", std::nullopt, ""},
      {"ca_addr", "x", ""},  // variables are told apart by case
      {"ISTIO_META_NETWORK", "one", ""},
      {"ISTIO_META_NETWORK", "two", ""},
      {"ISTIO_META_NETWORK", "three",
       "signet: VariableLocked: env[0] sets it to \"three\"; it may be \"one\", \"two\" "
       "(lockedVariables[ISTIO_META_NETWORK])"},
      {"ISTIO_META_NETWORK", "",
       "signet: VariableLocked: env[0] sets it to \"\"; it may be \"one\", \"two\" "
       "(lockedVariables[ISTIO_META_NETWORK])"},
      {"ISTIO_META_NETWORK", std::nullopt,
       "signet: VariableLocked: env[0] takes it from where nobody can judge it; it may be \"one\", \"two\" "
       "(lockedVariables[ISTIO_META_NETWORK])"},
      {"CA_ADDR", "x", "signet: VariableLocked: env[0] sets it to \"x\"; nobody may set it (lockedVariables[CA_ADDR])"},
      {"CA_ADDR", "", "signet: VariableLocked: env[0] sets it to \"\"; nobody may set it (lockedVariables[CA_ADDR])"},
  }));
  CAPTURE(name);
  const auto tell = [&](const PolicyModel::Tenant* tenant) {
    return refuse_variable(policy, tenant, name, value, "env[0]");
  };
  const auto finding = tell(policy.tenant_named("foo"));
  CHECK((finding ? to_line(*finding) : "") == expected);
  if (finding) {
    CHECK(finding->mode == Mode::kEnforce);
    CHECK(tell(policy.tenant_named("bar"))->mode == Mode::kWarn);
    CHECK(tell(nullptr)->mode == Mode::kEnforce);
  }
}

}  // namespace
}  // namespace signet
