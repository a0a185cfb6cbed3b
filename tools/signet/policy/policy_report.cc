#include "tools/signet/policy/policy_report.h"

#include <string_view>

#include "signer/kube/json_writer.h"

namespace signet {
namespace {

void write_problems(JsonWriter& json, std::span<const PolicyProblem> problems) {
  json.begin_array();
  for (const PolicyProblem& problem : problems) {
    json.begin_object().key("line").integer(problem.line).key("column").integer(problem.column);
    json.key("rule").string(info_of(problem.rule).id).key("message").string(problem.message);
    if (!problem.hint.empty()) {
      json.key("hint").string(problem.hint);
    }
    json.end_object();
  }
  json.end_array();
}

// SARIF §3.27.10.
std::string_view level_of(PolicySeverity severity) {
  return severity == PolicySeverity::kWarning ? "warning" : "error";
}

// A path as a URI reference (RFC 3986 §4.1): what is not unreserved is escaped, an absolute one gets its scheme.
std::string uri_of(std::string_view path) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        std::string_view("-._~/").find(c) != std::string_view::npos) {
      uri += c;
    } else {
      uri += '%';
      uri += kHex[byte >> 4U];
      uri += kHex[byte & 0xfU];
    }
  }
  return uri;
}

// A message without placeholders: SARIF §3.11.5 has braces doubled.
std::string message_text(const PolicyProblem& problem) {
  std::string text;
  for (const char c : problem.hint.empty() ? problem.message : problem.message + "; " + problem.hint) {
    text.append(c == '{' || c == '}' ? 2 : 1, c);
  }
  return text;
}

void write_results(JsonWriter& json, std::span<const PolicyProblem> problems) {
  for (const PolicyProblem& problem : problems) {
    const PolicyRuleInfo& rule = info_of(problem.rule);
    json.begin_object().key("ruleId").string(rule.id).key("level").string(level_of(rule.severity));
    json.key("message").begin_object().key("text").string(message_text(problem)).end_object();
    json.key("locations").begin_array().begin_object().key("physicalLocation").begin_object();
    json.key("artifactLocation").begin_object().key("uri").string(uri_of(problem.file)).end_object();
    if (problem.line > 0) {
      json.key("region").begin_object().key("startLine").integer(problem.line);
      json.key("startColumn").integer(problem.excerpt.character).end_object();
    }
    json.end_object().end_object().end_array().end_object();
  }
}

}  // namespace

std::string json_report(const PolicyReport& report) {
  JsonWriter json;
  json.begin_object().key("file").string(report.file).key("valid").boolean(report.errors.empty()).key("problems");
  write_problems(json, report.errors);
  json.key("warnings");
  write_problems(json, report.warnings);
  json.end_object();
  return json.take();
}

std::string sarif_report(const PolicyReport& report) {
  JsonWriter json;
  json.begin_object().key("$schema").string("https://json.schemastore.org/sarif-2.1.0.json");
  json.key("version").string("2.1.0").key("runs").begin_array().begin_object();
  json.key("tool").begin_object().key("driver").begin_object().key("name").string("signet").key("rules").begin_array();
  for (const PolicyRuleInfo& rule : kPolicyRules) {
    json.begin_object().key("id").string(rule.id);
    json.key("shortDescription").begin_object().key("text").string(rule.description).end_object();
    json.key("defaultConfiguration").begin_object().key("level").string(level_of(rule.severity)).end_object();
    json.end_object();
  }
  json.end_array().end_object().end_object();
  json.key("columnKind").string("unicodeCodePoints").key("results").begin_array();
  write_results(json, report.errors);
  write_results(json, report.warnings);
  json.end_array().end_object().end_array().end_object();
  return json.take();
}

}  // namespace signet
