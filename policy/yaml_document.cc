#include "policy/yaml_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "policy/shown_text.h"
#include "policy/utf8.h"

namespace signet {
namespace {

YamlMark to_mark(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Whether a reader of YAML 1.1 or 1.2 may take a scalar without quotes for a null, a boolean, a number or a date.
bool is_ambiguous(std::string_view text) {
  constexpr std::array<std::string_view, 11> kWords = {"~",  "null", "true", "false", "yes", "no",
                                                       "on", "off",  "y",    "n",     "<<"};
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (lower.empty() || std::ranges::find(kWords, lower) != kWords.end()) {
    return true;
  }
  if (lower.starts_with("0x") || lower == ".inf" || lower == "-.inf" || lower == "+.inf" || lower == ".nan") {
    return true;
  }
  const bool has_digit = lower.find_first_of("0123456789") != std::string::npos;
  // With two dots it is an address or a version, and a number to nobody.
  const bool numeric = lower.find_first_not_of("0123456789+-.:_e") == std::string::npos && lower.front() != 'e' &&
                       std::ranges::count(lower, '.') < 2;
  return has_digit && (numeric || lower.starts_with("0o"));
}

// How much of a name or tag a problem quotes.
constexpr std::size_t kMaxShownBytes = 60;

// A person mends them a few at a time, and a stranger's text must not grow into a message many times its size.
constexpr std::size_t kMaxProblems = 100;

// Thrown through yaml-cpp's parser to stop it; never leaves this file.
struct Stop {};

// Builds the tree from the parser's events: yaml-cpp's own nodes would have resolved the aliases and lost repeated
// keys.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(int max_depth) : max_depth_(max_depth) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      problem(mark, "several documents in one file; exactly one is read");
      throw Stop();
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add({.kind = YamlNode::Kind::kNull, .mark = to_mark(mark), .scalar = {}, .items = {}, .entries = {}});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    problem(mark, "aliases are not allowed: write the value out");
    add({.kind = YamlNode::Kind::kNull, .mark = to_mark(mark), .scalar = {}, .items = {}, .entries = {}});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    const bool plain = tag == "?" || tag.empty();
    if (!plain && tag != "!") {
      problem(mark, "tags are not allowed: " + shown(tag, kMaxShownBytes));
    }
    add({.kind = YamlNode::Kind::kScalar,
         .mark = to_mark(mark),
         .scalar = value,
         .ambiguous = plain && is_ambiguous(value),
         .items = {},
         .entries = {}});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kSequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  YamlNode take_root() { return std::move(root_); }
  std::vector<YamlProblem> take_problems() { return std::move(problems_); }
  void problem(const YAML::Mark& mark, std::string message) { problem(to_mark(mark), std::move(message)); }

 private:
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;                    // of a map, while its value is awaited
    std::unordered_map<std::string, int> key_line;  // of a map
  };

  void problem(const YamlMark& mark, std::string message) {
    problems_.push_back({mark, std::move(message)});
    if (problems_.size() == kMaxProblems) {
      problems_.push_back({mark, "more is wrong; the reading ends here"});
      throw Stop();
    }
  }

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) {
      problem(mark, "anchors are not allowed: write the value out where it is used");
    }
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    if (!tag.empty() && tag != "?" && tag != "!") {
      problem(mark, "tags are not allowed: " + shown(tag, kMaxShownBytes));
    }
    if (open_.size() >= static_cast<std::size_t>(max_depth_)) {
      problem(mark, "nested deeper than " + std::to_string(max_depth_) + " levels");
      throw Stop();
    }
    open_.push_back({.node = {.kind = kind, .mark = to_mark(mark), .scalar = {}, .items = {}, .entries = {}},
                     .key = std::nullopt,
                     .key_line = {}});
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      if (node.kind != YamlNode::Kind::kScalar || node.scalar == "<<") {
        problem(node.mark, "a key must be a plain name");
      } else if (const auto [known, added] = parent.key_line.emplace(node.scalar, node.mark.line); !added) {
        problem(node.mark, "key \"" + shown(node.scalar, kMaxShownBytes) + "\" is repeated; it stands in line " +
                               std::to_string(known->second) + " already");
      }
      parent.key = std::move(node);
    } else {
      // The parser gives a value that is not there the place of what comes next.
      if (node.kind == YamlNode::Kind::kNull && node.mark.line > parent.key->mark.line) {
        node.mark = parent.key->mark;
      }
      parent.node.entries.push_back({.key = *std::move(parent.key), .value = std::move(node)});
      parent.key.reset();
    }
  }

  int max_depth_;
  int documents_ = 0;
  YamlNode root_;
  std::vector<Open> open_;
  std::vector<YamlProblem> problems_;
};

// The first byte that is no UTF-8 (RFC 3629) or a control character other than tab and line ends, if any.
std::optional<std::size_t> first_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f;
    const std::size_t length = control ? 0 : utf8_sequence_length(text, i);
    if (length == 0) {
      return i;
    }
    i += length;
  }
  return std::nullopt;
}

// The first place, if any, where a reader of YAML 1.1 (§4.2) ends a line or skips a character and one of YAML 1.2, as
// yaml-cpp here, does not: what follows would be a comment to the one and a key to the other.
std::optional<std::size_t> first_doubtful_line_end(std::string_view text) {
  constexpr std::array<std::string_view, 3> kLineEnds = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};  // NEL, LS, PS
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    if ((rest.starts_with('\r') && !rest.starts_with("\r\n")) || (i > 0 && rest.starts_with(kByteOrderMark)) ||
        std::ranges::any_of(kLineEnds, [&](std::string_view end) { return rest.starts_with(end); })) {
      return i;
    }
  }
  return std::nullopt;
}

YamlMark mark_of_byte(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(std::ranges::count(before, '\n')) + 1, static_cast<int>(offset - line_begin) + 1};
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  const auto found =
      std::ranges::find(entries, key, [](const auto& entry) -> std::string_view { return entry.key.scalar; });
  return found == entries.end() ? nullptr : &found->value;
}

tl::expected<YamlNode, std::vector<YamlProblem>> parse_yaml(std::string_view text, const YamlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return tl::unexpected(std::vector<YamlProblem>{
        {{},
         "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(limits.max_bytes) + " are read"}});
  }
  if (const std::optional<std::size_t> bad = first_bad_byte(text)) {
    return tl::unexpected(std::vector<YamlProblem>{
        {mark_of_byte(text, *bad), "a byte that is not UTF-8 text (a control character, or an invalid sequence)"}});
  }
  if (const std::optional<std::size_t> doubtful = first_doubtful_line_end(text)) {
    return tl::unexpected(std::vector<YamlProblem>{
        {mark_of_byte(text, *doubtful),
         "a character that some readers of YAML take for the end of a line, others not (CR alone, NEL, LS, PS), or a "
         "byte order mark inside the text"}});
  }
  TreeBuilder builder(limits.max_depth);
  const auto read = [&] {
    try {
      std::istringstream stream{std::string(text)};
      YAML::Parser parser(stream);
      while (parser.HandleNextDocument(builder)) {
      }
    } catch (const YAML::Exception& error) {
      builder.problem(error.mark, "not YAML: " + error.msg);
    }
  };
  try {
    read();
  } catch (const Stop&) {
    // The problem that stopped the reading is among the builder's.
  }
  std::vector<YamlProblem> problems = builder.take_problems();
  if (!problems.empty()) {
    return tl::unexpected(std::move(problems));
  }
  return builder.take_root();
}

}  // namespace signet
