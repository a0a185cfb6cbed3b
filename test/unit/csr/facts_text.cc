#include "test/unit/csr/facts_text.h"

#include <vector>

namespace signet::test {
namespace {

std::string list_text(std::string_view name, const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) {
    text += (text.empty() ? "" : ", ") + value;
  }
  return text.empty() ? text : " " + std::string(name) + "=[" + text + "]";
}

}  // namespace

std::string_view to_text(SubjectAltName::Type type) {
  switch (type) {
    case SubjectAltName::Type::kUri:
      return "URI";
    case SubjectAltName::Type::kDns:
      return "DNS";
    case SubjectAltName::Type::kIp:
      return "IP";
    case SubjectAltName::Type::kEmail:
      return "email";
    case SubjectAltName::Type::kOther:
      return "other";
  }
  return "?";
}

std::string_view to_text(Pkcs10Facts::Signature signature) {
  switch (signature) {
    case Pkcs10Facts::Signature::kVerified:
      return "verified";
    case Pkcs10Facts::Signature::kFailed:
      return "failed";
    case Pkcs10Facts::Signature::kNotChecked:
      return "unchecked";
  }
  return "?";
}

std::string to_text(const tl::expected<Pkcs10Facts, std::string>& facts) {
  if (!facts) {
    return "error: " + facts.error();
  }
  std::string text = facts->key_type ? std::string(to_string(*facts->key_type)) : "[" + facts->key_name + "]";
  text.append(" ").append(to_text(facts->signature));
  if (facts->subject_alt_name_extensions != 0) {
    text += " san=" + std::to_string(facts->subject_alt_name_extensions);
  }
  for (const SubjectAltName& name : facts->names) {
    text += " " + std::string(to_text(name.type)) + ":" + name.value;
  }
  return text + list_text("usages", facts->usages) + list_text("other", facts->other_extensions) +
         (facts->ca_requested ? " ca" : "");
}

}  // namespace signet::test
