// Tells how Signet reads what it is given on standard input: certificate requests in PEM, or annotations
// proxy.istio.io/config of Pods in namespace foo. Each is preceded by its length in four bytes, the
// highest first, and answered with a line of JSON. Usage: signet_reads requests|annotations POLICY
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"
#include "policy/policy_loader.h"
#include "policy/signer_choice.h"
#include "signer/csr/pkcs10.h"
#include "signer/kube/base64.h"
#include "signer/kube/json.h"
#include "signer/kube/json_writer.h"
#include "test/unit/csr/facts_text.h"
#include "webhook/pod_review.h"

namespace signet {
namespace {

std::string text_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<std::string> next_message() {
  std::array<char, 4> length{};
  if (!std::cin.read(length.data(), length.size())) {
    return std::nullopt;
  }
  std::size_t size = 0;
  for (const char byte : length) {
    size = size << 8U | static_cast<unsigned char>(byte);
  }
  std::string message(size, '\0');
  return std::cin.read(message.data(), static_cast<std::streamsize>(size)) ? std::optional(message) : std::nullopt;
}

void write(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key).begin_array();
  for (const std::string& text : texts) {
    json.string(text);
  }
  json.end_array();
}

// Whether any of the policy's signers would sign it for istiod.
bool is_granted(const Policy& policy, const Pkcs10Facts& facts) {
  SigningRequest request;
  request.requester = "system:serviceaccount:istio-system:istiod";
  request.usages = {"digital signature", "server auth", "client auth"};
  request.expiration_seconds = 3600;
  request.pkcs10 = facts;
  for (const std::string& signer : policy.signers()) {
    request.signer_name = policy.signer_name(signer);
    if (policy.evaluate(request, KnownNamespaces()).grant) {
      return true;
    }
  }
  return false;
}

std::string request_line(const Policy& policy, const std::string& pem) {
  JsonWriter json;
  json.begin_object();
  const auto facts = parse_pkcs10(pem);
  if (!facts) {
    return json.key("refused").string(facts.error()).end_object().take();
  }
  json.key("granted").boolean(is_granted(policy, *facts));
  json.key("key").string(facts->key_name).key("spki").string(base64_encode(facts->spki));
  json.key("signature").string(test::to_text(facts->signature));
  json.key("nameExtensions").integer(facts->subject_alt_name_extensions);
  json.key("names").begin_array();
  for (const SubjectAltName& name : facts->names) {
    json.begin_object().key("type").string(test::to_text(name.type)).key("value").string(name.value).end_object();
  }
  json.end_array().key("ca").boolean(facts->ca_requested);
  write(json, "subject", facts->subject);
  write(json, "usages", facts->usages);
  write(json, "others", facts->other_extensions);
  return json.end_object().take();
}

std::string annotation_line(const Policy& policy, const std::string& annotation) {
  JsonWriter pod;
  pod.begin_object().key("metadata").begin_object().key("annotations").begin_object();
  pod.key(kProxyConfigAnnotation).string(annotation).end_object().end_object().end_object();
  const auto document = JsonDocument::parse(pod.text());
  AdmissionRequest request;
  request.kind = "Pod";
  request.name_space = "foo";
  request.object = document.value().root();
  const ReviewOutcome outcome = validate_pod(
      request, {.policy = policy, .namespaces = KnownNamespaces(), .issuers = nullptr, .self = {}, .now = {}});
  JsonWriter json;
  json.begin_object().key("allowed").boolean(outcome.answer.allowed);
  return json.key("message").string(outcome.answer.message).end_object().take();
}

}  // namespace
}  // namespace signet

int main(int argc, char** argv) {
  const std::string_view kind = argc == 3 ? argv[1] : "";
  if (kind != "requests" && kind != "annotations") {
    std::cerr << "usage: signet_reads requests|annotations POLICY\n";
    return EXIT_FAILURE;
  }
  auto model = signet::load_policy(signet::text_of(argv[2]), argv[2]);
  if (!model) {
    std::cerr << to_report(model.error().front()) << "\n";
    return EXIT_FAILURE;
  }
  const signet::Policy policy(*std::move(model), {});
  while (const auto message = signet::next_message()) {
    std::cout << (kind == "requests" ? signet::request_line(policy, *message)
                                     : signet::annotation_line(policy, *message))
              << std::endl;
  }
  return EXIT_SUCCESS;
}
