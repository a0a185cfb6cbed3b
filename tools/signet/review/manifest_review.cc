#include "tools/signet/review/manifest_review.h"

#include <algorithm>
#include <array>

#include "policy/quoting.h"
#include "policy/yaml_document.h"
#include "signer/kube/json_writer.h"
#include "webhook/front_limits.h"

namespace signet {
namespace {

struct ReviewedKind {
  std::string_view group;
  std::string_view kind;
  std::string_view resource;
};

constexpr std::array kReviewedKinds = {
    ReviewedKind{"certificates.k8s.io", "CertificateSigningRequest", "certificatesigningrequests"},
    ReviewedKind{"cert-manager.io", "CertificateRequest", "certificaterequests"},
    ReviewedKind{"networking.istio.io", "ProxyConfig", "proxyconfigs"},
    ReviewedKind{"", "Pod", "pods"},
    ReviewedKind{"", "Namespace", "namespaces"},
};

std::string text_at(const YamlNode& map, std::string_view key) {
  const YamlNode* const found = map.find(key);
  return found == nullptr || found->kind != YamlNode::Kind::kScalar ? std::string() : found->scalar;
}

// A number as JSON writes it (RFC 8259 §6), without an exponent.
bool is_decimal(std::string_view text) {
  const auto digits = [&text] {
    const std::size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::string_view taken = text.substr(0, count);
    text.remove_prefix(count);
    return taken;
  };
  text.remove_prefix(text.starts_with('-') ? 1 : 0);
  const std::string_view whole = digits();
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) {
    return false;
  }
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    return !digits().empty() && text.empty();
  }
  return text.empty();
}

// Whether every YAML reader takes the scalar for the same, which is then written: yes, 1e3 and 0777 are what a reader
// makes of them.
bool write_scalar(const YamlNode& node, JsonWriter& json) {
  if (!node.ambiguous) {
    json.string(node.scalar);
    return true;
  }
  if (node.scalar == "true" || node.scalar == "false" || node.scalar == "null" || is_decimal(node.scalar)) {
    json.raw(node.scalar);
    return true;
  }
  return false;
}

// The first node that cannot be written, if any.
const YamlNode* write_json(const YamlNode& node, JsonWriter& json) {
  const YamlNode* refused = nullptr;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      json.null();
      break;
    case YamlNode::Kind::kScalar:
      return write_scalar(node, json) ? nullptr : &node;
    case YamlNode::Kind::kSequence:
      json.begin_array();
      for (const YamlNode& item : node.items) {
        refused = refused == nullptr ? write_json(item, json) : refused;
      }
      json.end_array();
      break;
    case YamlNode::Kind::kMap:
      json.begin_object();
      for (const auto& [key, value] : node.entries) {
        json.key(key.scalar);
        refused = refused == nullptr ? write_json(value, json) : refused;
      }
      json.end_object();
      break;
  }
  return refused;
}

std::string at(const YamlMark& mark, const std::string& message) {
  return std::to_string(mark.line) + ":" + std::to_string(mark.column) + ": " + message;
}

}  // namespace

tl::expected<std::string, std::string> review_of_manifest(std::string_view manifest, const Requester& requester) {
  const auto root = parse_yaml(manifest, {.max_bytes = kMaxReviewBytes});
  if (!root) {
    return tl::unexpected(at(root.error().front().mark, root.error().front().message));
  }
  const std::string api_version = text_at(*root, "apiVersion");
  const std::size_t slash = api_version.find('/');
  const std::string group = slash == std::string::npos ? "" : api_version.substr(0, slash);
  const std::string version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
  const std::string kind = text_at(*root, "kind");
  const auto* const reviewed = std::ranges::find_if(
      kReviewedKinds, [&](const ReviewedKind& known) { return known.group == group && known.kind == kind; });
  if (reviewed == kReviewedKinds.end()) {
    return tl::unexpected("is no manifest of what is reviewed (apiVersion, kind): " +
                          joined(kReviewedKinds, &ReviewedKind::kind));
  }
  JsonWriter object;
  if (const YamlNode* const refused = write_json(*root, object)) {
    return tl::unexpected(at(
        refused->mark, in_quotes(refused->scalar) +
                           " is not the same to every YAML reader: quote it, or write true, false or a plain number"));
  }
  const YamlNode* const metadata = root->find("metadata");
  JsonWriter json;
  json.begin_object().key("apiVersion").string("admission.k8s.io/v1").key("kind").string("AdmissionReview");
  json.key("request").begin_object().key("uid").string("00000000-0000-0000-0000-000000000000");
  json.key("kind").begin_object().key("group").string(group).key("version").string(version);
  json.key("kind").string(kind).end_object();
  json.key("resource").begin_object().key("group").string(group).key("version").string(version);
  json.key("resource").string(reviewed->resource).end_object();
  if (metadata != nullptr) {
    // The API server says of a Namespace that it is in itself.
    json.key("name").string(text_at(*metadata, "name")).key("namespace");
    json.string(text_at(*metadata, kind == "Namespace" ? "name" : "namespace"));
  }
  json.key("operation").string("CREATE").key("userInfo").begin_object().key("username").string(requester.username);
  json.key("groups").begin_array();
  for (const std::string& name : requester.groups) {
    json.string(name);
  }
  json.end_array().end_object().key("object").raw(object.text()).end_object().end_object();
  return json.take();
}

}  // namespace signet
