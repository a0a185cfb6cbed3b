// Whatever a Pod's annotation proxy.istio.io/config is, there is an answer, the same each time; and where it passes, a
// reader of YAML that knows aliases, merges and repeated keys finds no signer in it but the tenant's own or the
// default, and no locked variable with another value.

#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "policy/policy_loader.h"
#include "policy/signer_choice.h"
#include "policy/utf8.h"
#include "signer/kube/json.h"
#include "signer/kube/json_writer.h"
#include "test/fuzz/expect.h"
#include "test/fuzz/policy_text.h"
#include "webhook/pod_review.h"

namespace {

using namespace signet;
using fuzz::expect;

AdmissionAnswer answer(const std::string& pod, const Policy& policy) {
  const auto document = JsonDocument::parse(pod);
  expect(document.has_value(), "the Pod is JSON");
  AdmissionRequest request;
  request.uid = "r";
  request.kind = "Pod";
  request.name_space = "foo";
  request.object = document->root();
  return validate_pod(request, {.policy = policy, .namespaces = KnownNamespaces(), .self = {}, .now = {}}).answer;
}

// The value that the variable has for the other reader in one of the maps; empty where it finds none.
std::string other_reading(const YAML::Node& root, const std::string& map, const std::string& variable) {
  if (!root.IsMap() || !root[map] || !root[map].IsMap() || !root[map][variable]) {
    return {};
  }
  expect(root[map][variable].IsScalar(), "a variable that passes is a text");
  return root[map][variable].Scalar();
}

void check_with_other_reader(const std::string& annotation) {
  YAML::Node root;
  try {
    root = YAML::Load(annotation);
  } catch (const YAML::Exception&) {
    expect(false, "what passes is YAML");
  }
  for (const char* map : {"proxyMetadata", "proxy_metadata"}) {
    const std::string signer = other_reading(root, map, std::string(kCertSignerVariable));
    expect(signer.empty() || signer == "foo" || signer == "istio-system", "no other signer passes");
    const std::string address = other_reading(root, map, "CA_ADDR");
    expect(address.empty() || address == "istiod.istio-system.svc:15012", "no other CA's address passes");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Policy policy(load_policy(fuzz::kPolicy, "policy.yaml").value(), "digest");
  // The API server hands on nothing but UTF-8.
  const std::string annotation(reinterpret_cast<const char*>(data), size);
  if (find_invalid_utf8(annotation)) {
    return 0;
  }
  JsonWriter json;
  json.begin_object().key("metadata").begin_object().key("annotations").begin_object();
  json.key(kProxyConfigAnnotation).string(annotation).end_object().end_object().end_object();
  const AdmissionAnswer first = answer(json.text(), policy);
  expect(answer(json.text(), policy).encode("r") == first.encode("r"), "the same is answered again");
  expect(JsonDocument::parse(first.encode("r")).has_value(), "an answer is JSON");
  expect(first.json_patch.empty(), "a Pod is not changed");
  if (first.allowed) {
    check_with_other_reader(annotation);
  } else {
    expect(!first.message.empty() && !first.reason.empty(), "a denial says why");
  }
  return 0;
}
