#include "tools/signet/policy/policy_test_report.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "policy/quoting.h"
#include "policy/shown_text.h"
#include "signer/kube/json_writer.h"

namespace signet {
namespace {

using Case = PolicyTestResult::Case;

std::size_t failures(const PolicyTestResult& result) {
  return static_cast<std::size_t>(std::ranges::count_if(result.cases, [](const Case& c) { return !c.passed(); }));
}

std::string place(const PolicyTestResult& result, const Case& tried) {
  return result.file + ":" + std::to_string(tried.tested.mark.line) + ":" + std::to_string(tried.tested.mark.column);
}

// "expected granted, got SignerNotAllowed", and what the user would have read.
std::string difference(const Case& tried) {
  std::string text =
      "expected " + to_string(tried.tested.expected) + ", got " + to_string(tried.outcome, tried.tested.expected);
  return tried.outcome.message.empty() ? text : text + "\n" + tried.outcome.message;
}

void write_lines(std::ostream& out, std::string_view indent, std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    out << indent << text.substr(begin, end - begin) << "\n";
    begin = end + 1;
  }
}

void write_gap(std::ostream& out, std::string_view what, const std::vector<std::string>& names) {
  if (!names.empty()) {
    out << "  no case reaches " << what << " " << joined(names) << "\n";
  }
}

void write_names(JsonWriter& json, std::string_view key, const std::vector<std::string>& names) {
  json.key(key).begin_array();
  for (const std::string& name : names) {
    json.string(name);
  }
  json.end_array();
}

// Text for an attribute or an element of XML 1.0; the files that it comes from have no control characters but white
// space.
std::string xml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\n':
        escaped += "&#10;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

}  // namespace

std::size_t PolicyTestReport::count(bool passed) const {
  std::size_t number = 0;
  for (const PolicyTestResult& result : results) {
    number += passed ? result.cases.size() - failures(result) : failures(result);
  }
  return number;
}

std::string to_text(const PolicyTestReport& report) {
  std::ostringstream out;
  for (const PolicyTestResult& result : report.results) {
    std::size_t longest = 0;
    for (const Case& tried : result.cases) {
      longest = std::max(longest, width_of(tried.tested.name));
    }
    out << result.file << " (" << result.policy << ")\n";
    for (const Case& tried : result.cases) {
      const std::string& name = tried.tested.name;
      out << (tried.passed() ? "  pass  " : "  FAIL  ") << name << std::string(longest - width_of(name) + 2, ' ')
          << to_string(tried.outcome, tried.tested.expected) << "\n";
      if (!tried.passed()) {
        write_lines(out, "        ", place(result, tried) + ": " + difference(tried));
      }
    }
  }
  for (const PolicyTestGaps& gaps : report.gaps) {
    const bool complete = gaps.tenants.empty() && gaps.signers.empty() && gaps.reasons.empty();
    out << gaps.policy << (complete ? ": the cases reach every tenant, signer and reason code\n" : "\n");
    write_gap(out, "tenants", gaps.tenants);
    write_gap(out, "signers", gaps.signers);
    write_gap(out, "reason codes", gaps.reasons);
  }
  out << report.count(true) << " passed, " << report.count(false) << " failed\n";
  return out.str();
}

std::string to_json(const PolicyTestReport& report) {
  JsonWriter json;
  json.begin_object().key("files").begin_array();
  for (const PolicyTestResult& result : report.results) {
    json.begin_object().key("file").string(result.file).key("policy").string(result.policy);
    json.key("cases").begin_array();
    for (const Case& tried : result.cases) {
      json.begin_object().key("name").string(tried.tested.name).key("line").integer(tried.tested.mark.line);
      json.key("column").integer(tried.tested.mark.column).key("passed").boolean(tried.passed());
      json.key("expected").string(to_string(tried.tested.expected));
      json.key("actual").string(to_string(tried.outcome, tried.tested.expected));
      json.key("message").string(tried.outcome.message).end_object();
    }
    json.end_array().end_object();
  }
  json.end_array().key("notReached").begin_array();
  for (const PolicyTestGaps& gaps : report.gaps) {
    json.begin_object().key("policy").string(gaps.policy);
    write_names(json, "tenants", gaps.tenants);
    write_names(json, "signers", gaps.signers);
    write_names(json, "reasons", gaps.reasons);
    json.end_object();
  }
  json.end_array().key("passed").integer(static_cast<std::int64_t>(report.count(true)));
  json.key("failed").integer(static_cast<std::int64_t>(report.count(false))).end_object();
  return json.take() + "\n";
}

std::string to_junit(const PolicyTestReport& report) {
  std::ostringstream out;
  out << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"" << report.count(true) + report.count(false)
      << "\" failures=\"" << report.count(false) << "\">\n";
  for (const PolicyTestResult& result : report.results) {
    out << "  <testsuite name=\"" << xml(result.file) << "\" tests=\"" << result.cases.size() << "\" failures=\""
        << failures(result) << "\">\n";
    for (const Case& tried : result.cases) {
      out << "    <testcase classname=\"" << xml(result.policy) << "\" name=\"" << xml(tried.tested.name)
          << "\" file=\"" << xml(result.file) << "\" line=\"" << tried.tested.mark.line << "\"";
      if (tried.passed()) {
        out << "/>\n";
        continue;
      }
      const std::string told = difference(tried);
      out << ">\n      <failure message=\"" << xml(told.substr(0, told.find('\n'))) << "\">" << xml(told)
          << "</failure>\n    </testcase>\n";
    }
    out << "  </testsuite>\n";
  }
  out << "</testsuites>\n";
  return out.str();
}

}  // namespace signet
