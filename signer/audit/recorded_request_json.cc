#include "signer/audit/recorded_request_json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "signer/audit/json_fields.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

using Kind = SigningRequest::Kind;
using Signature = Pkcs10Facts::Signature;
using Type = SubjectAltName::Type;

constexpr std::string_view kCertificateRequest = "CertificateRequest";

constexpr std::array kSignatures = {std::pair{Signature::kVerified, std::string_view("verified")},
                                    std::pair{Signature::kFailed, std::string_view("failed")},
                                    std::pair{Signature::kNotChecked, std::string_view("not checked")}};
constexpr std::array kNameTypes = {
    std::pair{Type::kUri, std::string_view("uri")}, std::pair{Type::kDns, std::string_view("dns")},
    std::pair{Type::kIp, std::string_view("ip")}, std::pair{Type::kEmail, std::string_view("email")},
    std::pair{Type::kOther, std::string_view("other")}};

template <typename Words, typename Value>
std::string_view word_of(const Words& words, Value value) {
  return std::ranges::find(words, value, &Words::value_type::first)->second;
}

template <typename Words>
auto value_of(const Words& words, std::string_view word) {
  const auto* const found = std::ranges::find(words, word, &Words::value_type::second);
  return found == words.end() ? std::nullopt : std::optional(found->first);
}

void write(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.key(key).begin_array();
  for (const std::string& text : texts) json.string(text);
  json.end_array();
}

void write(JsonWriter& json, std::string_view key, const std::optional<std::string>& text) {
  if (text) json.key(key).string(*text);
}

void write(JsonWriter& json, const Pkcs10Facts& facts) {
  json.begin_object();
  if (!facts.names.empty()) {
    json.key("names").begin_array();
    for (const SubjectAltName& name : facts.names) {
      json.begin_object().key(word_of(kNameTypes, name.type)).string(name.value).end_object();
    }
    json.end_array();
  }
  if (facts.subject_alt_name_extensions != 0) json.key("nameExtensions").integer(facts.subject_alt_name_extensions);
  json.key("signature").string(word_of(kSignatures, facts.signature));
  write(json, "subject", facts.subject);
  if (facts.ca_requested) json.key("caRequested").boolean(true);
  write(json, "usages", facts.usages);
  write(json, "extensions", facts.other_extensions);
  json.end_object();
}

tl::expected<std::vector<SubjectAltName>, std::string> read_names(JsonView names) {
  std::vector<SubjectAltName> read;
  for (const JsonView name : names.elements()) {
    const bool one = name.is_object() && name.size() == 1;
    const std::optional<Type> type = one ? value_of(kNameTypes, name.member(0).key) : std::nullopt;
    const std::optional<std::string_view> value = one ? name.member(0).value.as_string() : std::nullopt;
    if (!type || !value) return tl::unexpected<std::string>("must be names, each of one known type");
    read.push_back({*type, std::string(*value)});
  }
  return read;
}

tl::expected<Pkcs10Facts, std::string> read_pkcs10(JsonView view) {
  JsonFields fields(view, "request.pkcs10");
  Pkcs10Facts facts;
  if (const JsonView names = fields.array("names"); names.exists()) {
    auto read = read_names(names);
    if (read) {
      facts.names = *std::move(read);
    } else {
      fields.problem("names", read.error());
    }
  }
  const std::int64_t extensions = fields.integer("nameExtensions").value_or(0);
  if (extensions < 0 || extensions > std::numeric_limits<int>::max()) {
    fields.problem("nameExtensions", "must be a small number");
  } else {
    facts.subject_alt_name_extensions = static_cast<int>(extensions);
  }
  if (const auto signature = value_of(kSignatures, fields.text("signature").value_or(""))) {
    facts.signature = *signature;
  } else {
    fields.problem("signature", "must be verified, failed or not checked");
  }
  facts.subject = fields.texts("subject");
  facts.ca_requested = fields.flag("caRequested");
  facts.usages = fields.texts("usages");
  facts.other_extensions = fields.texts("extensions");
  if (const std::string error = fields.take_error(JsonFields::Others::kRefused); !error.empty()) {
    return tl::unexpected(error);
  }
  return facts;
}

}  // namespace

std::string to_json(const RecordedRequest& request) {
  JsonWriter json;
  json.begin_object();
  if (request.clipped) return json.key("clipped").boolean(true).end_object().take();
  const SigningRequest& facts = request.facts;
  if (facts.kind == Kind::kCertificateRequest) {
    json.key("kind").string(kCertificateRequest).key("namespace").string(request.name_space);
  }
  write(json, "groups", facts.requester_groups);
  write(json, "usages", facts.usages);
  if (facts.expiration_seconds) json.key("expirationSeconds").integer(*facts.expiration_seconds);
  write(json, "requestDuration", facts.annotated_duration);
  write(json, "requestIsCa", facts.annotated_is_ca);
  if (facts.pkcs10) {
    write(json.key("pkcs10"), *facts.pkcs10);
  } else {
    json.key("malformed").string(facts.pkcs10.error());
  }
  return json.end_object().take();
}

tl::expected<RecordedRequest, std::string> read_recorded_request(JsonView view) {
  JsonFields fields(view, "request");
  RecordedRequest request;
  SigningRequest& facts = request.facts;
  request.clipped = fields.flag("clipped");
  if (const auto kind = fields.text("kind")) {
    facts.kind = Kind::kCertificateRequest;
    if (*kind != kCertificateRequest) fields.problem("kind", "is not one that is known here");
  }
  request.name_space = fields.text("namespace").value_or("");
  facts.requester_groups = fields.texts("groups");
  facts.usages = fields.texts("usages");
  facts.expiration_seconds = fields.integer("expirationSeconds");
  facts.annotated_duration = fields.text("requestDuration");
  facts.annotated_is_ca = fields.text("requestIsCa");
  const JsonView pkcs10 = fields.object("pkcs10");
  auto malformed = fields.text("malformed");
  if (!request.clipped && pkcs10.exists() == malformed.has_value()) {
    fields.problem("pkcs10", "must be there, or malformed");
  }
  if (malformed) facts.pkcs10 = tl::unexpected(*std::move(malformed));
  if (const std::string error = fields.take_error(JsonFields::Others::kRefused); !error.empty()) {
    return tl::unexpected(error);
  }
  if (pkcs10.exists()) {
    auto read = read_pkcs10(pkcs10);
    if (!read) return tl::unexpected(std::move(read.error()));
    facts.pkcs10 = *std::move(read);
  }
  return request;
}

}  // namespace signet
