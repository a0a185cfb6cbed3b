#include "tools/signet/inputs/namespaces_file.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "policy/kubernetes_names.h"
#include "policy/quoting.h"
#include "policy/yaml_document.h"

namespace signet {
namespace {

// https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name
constexpr std::string_view kNameLabel = "kubernetes.io/metadata.name";

// A document of a text, as it stands there.
struct Document {
  std::string_view text;
  int lines_before = 0;
};

// "---" at the beginning of a line, which no value can have there (YAML 1.2.2 §9.1.2), begins a document.
std::vector<Document> documents_of(std::string_view text) {
  const auto begins_document = [&](std::size_t at) {
    return text.substr(at).starts_with("---") &&
           (at + 3 == text.size() || std::string_view(" \t\r\n").find(text[at + 3]) != std::string_view::npos);
  };
  std::vector<Document> documents;
  std::size_t begin = 0;
  int lines = 0;
  int lines_before = 0;
  for (std::size_t at = 0; at != std::string_view::npos && at < text.size(); ++lines) {
    if (at > begin && begins_document(at)) {
      documents.push_back({text.substr(begin, at - begin), lines_before});
      begin = at;
      lines_before = lines;
    }
    const std::size_t end = text.find('\n', at);
    at = end == std::string_view::npos ? end : end + 1;
  }
  documents.push_back({text.substr(begin), lines_before});
  return documents;
}

// Gathers namespaces and what is wrong with them; goes on after each problem.
class NamespacesReader {
 public:
  explicit NamespacesReader(std::string_view file) : file_(file) {}

  void read(const Document& document) {
    lines_before_ = document.lines_before;
    const auto root = parse_yaml(document.text, {.max_bytes = kMaxNamespacesBytes});
    if (!root) {
      for (const YamlProblem& wrong : root.error()) {
        problem(wrong.mark, wrong.message, PolicyRule::kNotYaml);
      }
      return;
    }
    if (root->kind == YamlNode::Kind::kNull) {
      return;  // nothing between two "---"
    }
    empty_ = false;
    const YamlNode* const kind = root->find("kind");
    const std::string_view name = kind == nullptr ? std::string_view() : kind->scalar;
    if (name == "List" || name == "NamespaceList") {
      read_items(*root, name == "NamespaceList");
    } else if (name == "Namespace") {
      read_namespace(*root);
    } else {
      problem(kind == nullptr ? root->mark : kind->mark, "must be a Namespace, a List or a NamespaceList",
              PolicyRule::kInvalidValue);
    }
  }

  KnownNamespaces::ByName take_namespaces() { return std::move(namespaces_); }
  std::vector<PolicyProblem> take_problems() {
    if (empty_ && problems_.empty()) {
      problem({}, "is empty; kubectl get namespaces -o yaml prints what belongs here", PolicyRule::kMissingKey);
    }
    return std::move(problems_);
  }

 private:
  void problem(const YamlMark& mark, std::string message, PolicyRule rule) {
    const int line = mark.line == 0 ? 0 : mark.line + lines_before_;
    problems_.push_back(
        {.file = file_, .line = line, .column = mark.column, .message = std::move(message), .rule = rule});
  }

  void read_items(const YamlNode& list, bool typed) {
    const YamlNode* const items = list.find("items");
    if (items == nullptr || items->kind != YamlNode::Kind::kSequence) {
      problem(items == nullptr ? list.mark : items->mark, "items: must be a list", PolicyRule::kWrongType);
      return;
    }
    for (const YamlNode& item : items->items) {
      const YamlNode* const kind = item.find("kind");
      // The API server leaves it out where the list's own kind says it.
      if (kind == nullptr ? typed : kind->scalar == "Namespace") {
        read_namespace(item);
      } else {
        problem(kind == nullptr ? item.mark : kind->mark, "items: must be Namespaces", PolicyRule::kInvalidValue);
      }
    }
  }

  // Whether it is a text to every reader of YAML.
  bool is_text(const YamlNode& node, std::string_view what) {
    const bool scalar = node.kind == YamlNode::Kind::kScalar;
    if (!scalar || node.ambiguous) {
      problem(node.mark, std::string(what) + ": must be a text" + (scalar ? "; write it in quotes" : ""),
              PolicyRule::kWrongType);
    }
    return scalar && !node.ambiguous;
  }

  void read_namespace(const YamlNode& object) {
    const YamlNode* const metadata = object.find("metadata");
    const YamlNode* const name = metadata == nullptr ? nullptr : metadata->find("name");
    if (name == nullptr) {
      problem(object.mark, "metadata.name is missing", PolicyRule::kMissingKey);
      return;
    }
    const std::size_t before = problems_.size();
    if (is_text(*name, "metadata.name") && !is_dns_label(name->scalar)) {
      problem(name->mark, "metadata.name: " + in_quotes(name->scalar) + " is not a namespace's name",
              PolicyRule::kInvalidValue);
    }
    Labels labels = read_labels(metadata->find("labels"));
    if (problems_.size() > before) {
      return;
    }
    labels.insert_or_assign(std::string(kNameLabel), name->scalar);
    const int line = name->mark.line + lines_before_;
    if (const auto [first, added] = line_of_.emplace(name->scalar, line); !added) {
      problem(name->mark,
              in_quotes(name->scalar) + " is the namespace in line " + std::to_string(first->second) + " already",
              PolicyRule::kRepeatedValue);
      return;
    }
    namespaces_.emplace(name->scalar, std::make_shared<const Labels>(std::move(labels)));
  }

  Labels read_labels(const YamlNode* node) {
    Labels labels;
    const bool absent = node == nullptr || node->kind == YamlNode::Kind::kNull;
    if (!absent && node->kind != YamlNode::Kind::kMap) {
      problem(node->mark, "metadata.labels: must be a map", PolicyRule::kWrongType);
    } else if (!absent) {
      for (const YamlEntry& label : node->entries) {
        if (is_text(label.key, "metadata.labels") &&
            is_text(label.value, "metadata.labels, " + in_quotes(label.key.scalar))) {
          labels.emplace(label.key.scalar, label.value.scalar);
        }
      }
    }
    return labels;
  }

  std::string file_;
  int lines_before_ = 0;
  bool empty_ = true;
  KnownNamespaces::ByName namespaces_;
  std::unordered_map<std::string, int> line_of_;
  std::vector<PolicyProblem> problems_;
};

}  // namespace

tl::expected<std::shared_ptr<const KnownNamespaces>, std::vector<PolicyProblem>> load_namespaces(
    std::string_view text, std::string_view file) {
  NamespacesReader reader(file);
  for (const Document& document : documents_of(text)) {
    reader.read(document);
  }
  if (std::vector<PolicyProblem> problems = reader.take_problems(); !problems.empty()) {
    return tl::unexpected(with_excerpts(std::move(problems), text));
  }
  return std::make_shared<const KnownNamespaces>(reader.take_namespaces());
}

}  // namespace signet
