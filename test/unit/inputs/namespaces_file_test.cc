#include "tools/signet/inputs/namespaces_file.h"

#include <catch2/catch.hpp>

namespace signet {
namespace {

// What kubectl prints of a namespace, but for its labels and what indents it.
std::string object(const std::string& name, const std::string& labels, const std::string& indent = "") {
  std::string text;
  for (const std::string& line :
       {std::string("apiVersion: v1"), std::string("kind: Namespace"), std::string("metadata:"),
        std::string("  annotations:"), std::string("    note: |-"), std::string("      --- no document"),
        std::string("      ends here"), std::string("  creationTimestamp: 2026-11-23T10:00:00Z"), labels,
        "  name: " + name, std::string("  resourceVersion: \"38\""), std::string("spec:"), std::string("  finalizers:"),
        std::string("  - kubernetes")}) {
    text += line.empty() ? "" : indent + line + "\n";
  }
  return text;
}

// "foo{kubernetes.io/metadata.name=foo,team=a} bar{…}", or the problems.
std::string told(std::string_view text, const std::vector<std::string>& names) {
  const auto read = load_namespaces(text, "ns.yaml");
  std::string result;
  if (!read) {
    for (const PolicyProblem& problem : read.error()) {
      result += (result.empty() ? "" : "\n") + to_string(problem);
    }
    return result;
  }
  for (const std::string& name : names) {
    const auto labels = (*read)->find(name);
    result += (result.empty() ? "" : " ") + name;
    if (labels == nullptr) {
      result += "?";
      continue;
    }
    result += "{";
    for (const auto& [key, value] : *labels) {
      result += (result.ends_with('{') ? "" : ",") + key + "=" + value;
    }
    result += "}";
  }
  return result;
}

TEST_CASE("Namespaces are read as kubectl prints them, and of them name and labels") {
  const std::string foo = object("foo", "  labels: {kubernetes.io/metadata.name: foo, team: a}");
  const std::string bar = object("bar", "");
  const std::string in_list = object("foo", "  labels: {team: a}", "  ");
  struct Case {
    std::string name;
    std::string text;
    std::string expected;
  };
  const std::string foo_alone = "foo{kubernetes.io/metadata.name=foo,team=a} bar?";
  const std::string both = "foo{kubernetes.io/metadata.name=foo,team=a} bar{kubernetes.io/metadata.name=bar}";
  const std::vector<Case> cases = {
      {"one", foo, foo_alone},
      {"several documents", foo + "---\n" + bar, both},
      {"documents begun and ended, and empty ones", "---\n" + foo + "--- # second\n" + bar + "---\n---\n", both},
      {"lines that end as on Windows",
       "kind: Namespace\r\nmetadata: {name: foo}\r\n---\r\nkind: Namespace\r\nmetadata: "
       "{name: bar, labels: {}}\r\n",
       "foo{kubernetes.io/metadata.name=foo} bar{kubernetes.io/metadata.name=bar}"},
      {"a List", "apiVersion: v1\nitems:\n- " + in_list.substr(2) + "kind: List\nmetadata:\n  resourceVersion: \"\"\n",
       foo_alone},
      {"a NamespaceList, whose items need not say what they are",
       R"({"kind":"NamespaceList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"foo","labels":{"team":"a"}}}]})",
       foo_alone},
      {"JSON with escapes",
       "{\n    \"kind\": \"List\",\n    \"items\": [\n        {\n            \"kind\": \"Namespace\",\n            "
       "\"metadata\": {\n                \"annotations\": {\"a\": \"\\u003c\\\"\\n/ {}\", \"n\": \"\"},\n"
       "                \"labels\": {\"team\": \"a\"},\n                \"name\": \"foo\"\n            },\n"
       "            \"status\": {\"phase\": \"Active\", \"ready\": true, \"n\": 1.5e3, \"x\": null}\n        }\n    "
       "]\n}\n",
       foo_alone},
      {"no labels", R"({"kind":"Namespace","metadata":{"name":"foo","labels":null}})",
       "foo{kubernetes.io/metadata.name=foo} bar?"},
      {"a list of none", "kind: List\nitems: []\n", "foo? bar?"},
      {"quoted labels that would be something else",
       "kind: Namespace\nmetadata: {name: foo, labels: {a: \"true\", b: '1', "
       "\"2\": ''}}\n",
       "foo{2=,a=true,b=1,kubernetes.io/metadata.name=foo} bar?"},
      {"a name that a label contradicts is the object's, as the API server has it",
       "kind: Namespace\nmetadata: {name: foo, labels: {kubernetes.io/metadata.name: bar}}\n",
       "foo{kubernetes.io/metadata.name=foo} bar?"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) { CHECK(told(c.text, {"foo", "bar"}) == c.expected); }
  }
}

TEST_CASE("What cannot be read as namespaces is told with its place, all at once") {
  struct Case {
    std::string name;
    std::string text;
    std::string expected;
  };
  const std::string labels = "kind: Namespace\nmetadata:\n  name: foo\n  labels:\n";
  const std::vector<Case> cases = {
      {"nothing", "", "ns.yaml: is empty; kubectl get namespaces -o yaml prints what belongs here"},
      {"only comments", "# none\n---\n# none\n",
       "ns.yaml: is empty; kubectl get namespaces -o yaml prints what belongs here"},
      {"labels that are no texts", labels + "    a: true\n    b: 1\n    c:\n    d: [x]\n    1: x\n",
       "ns.yaml:5:8: metadata.labels, \"a\": must be a text; write it in quotes\n"
       "ns.yaml:6:8: metadata.labels, \"b\": must be a text; write it in quotes\n"
       "ns.yaml:7:5: metadata.labels, \"c\": must be a text\n"
       "ns.yaml:8:8: metadata.labels, \"d\": must be a text\n"
       "ns.yaml:9:5: metadata.labels: must be a text; write it in quotes"},
      {"labels that are no map", labels + "  - a\n", "ns.yaml:5:3: metadata.labels: must be a map"},
      {"a label twice", labels + "    a: x\n    a: y\n",
       "ns.yaml:6:5: key \"a\" is repeated; it stands in line 5 already"},
      {"an anchor in the second document", labels + "    a: x\n---\nkind: &a Namespace\n",
       "ns.yaml:7:7: anchors are not allowed: write the value out where it is used"},
      {"another kind", "kind: Pod\n", "ns.yaml:1:7: must be a Namespace, a List or a NamespaceList"},
      {"no kind", "metadata: {name: foo}\n", "ns.yaml:1:1: must be a Namespace, a List or a NamespaceList"},
      {"a list of something else", "kind: List\nitems:\n- kind: Pod\n- {}\n",
       "ns.yaml:3:9: items: must be Namespaces\nns.yaml:4:3: items: must be Namespaces"},
      {"a list without items", "kind: List\n", "ns.yaml:1:1: items: must be a list"},
      {"no name", "kind: Namespace\nmetadata: {labels: {}}\n", "ns.yaml:1:1: metadata.name is missing"},
      {"no metadata", "kind: Namespace\nmetadata: foo\n", "ns.yaml:1:1: metadata.name is missing"},
      {"a name that is none", "kind: Namespace\nmetadata: {name: Foo_}\n",
       "ns.yaml:2:18: metadata.name: \"Foo_\" is not a namespace's name"},
      {"a name that is a number", "kind: Namespace\nmetadata: {name: 007}\n",
       "ns.yaml:2:18: metadata.name: must be a text; write it in quotes"},
      {"a namespace twice", "kind: Namespace\nmetadata: {name: foo}\n---\nkind: Namespace\nmetadata: {name: foo}\n",
       "ns.yaml:5:18: \"foo\" is the namespace in line 2 already"},
      {"a syntax error behind a problem", "kind: Pod\n---\nkind: [\n",
       "ns.yaml:1:7: must be a Namespace, a List or a NamespaceList\n"
       "ns.yaml:4:1: not YAML: end of sequence flow not found"},
      {"too deep", "kind: Namespace\nspec: " + std::string(40, '['), "ns.yaml:2:23: nested deeper than 32 levels"},
      {"a text", "foo\n", "ns.yaml:1:1: must be a Namespace, a List or a NamespaceList"},
      {"a control character", "kind: Name\x01space\n",
       "ns.yaml:1:11: a byte that is not UTF-8 text (a control character, or an invalid sequence)"},
  };
  for (const Case& c : cases) {
    DYNAMIC_SECTION(c.name) { CHECK(told(c.text, {}) == c.expected); }
  }
}

}  // namespace
}  // namespace signet
