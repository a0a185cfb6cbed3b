#include "tools/signet/inputs/input_file.h"

#include <algorithm>
#include <iostream>
#include <ranges>

#include "signer/csr/sha256.h"
#include "signer/kube/bounded_file.h"
#include "tools/signet/inputs/log.h"
#include "tools/signet/inputs/namespaces_file.h"

namespace signet {

tl::expected<std::string, std::string> read_stream(std::istream& stream, const std::string& name,
                                                   std::size_t max_bytes) {
  std::string text(max_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto size = static_cast<std::size_t>(stream.gcount());
  if (stream.bad()) {
    return tl::unexpected(name + ": cannot be read");
  }
  if (size > max_bytes) {
    return tl::unexpected(name + ": has more than " + std::to_string(max_bytes) + " bytes");
  }
  text.resize(size);
  text.shrink_to_fit();
  return text;
}

tl::expected<PolicyFile, std::vector<PolicyProblem>> policy_of_text(const std::string& text, const std::string& file) {
  tl::expected<LoadedPolicy, std::vector<PolicyProblem>> loaded = load_policy_with_warnings(text, file);
  if (!loaded) {
    return tl::unexpected(std::move(loaded.error()));
  }
  return PolicyFile{.policy = std::make_shared<const Policy>(std::move(loaded->model), sha256_hex(text)),
                    .warnings = std::move(loaded->warnings)};
}

tl::expected<PolicyFile, std::vector<PolicyProblem>> read_policy_file(const std::string& path) {
  const tl::expected<std::string, std::string> text = read_bounded_file(path, kMaxPolicyBytes);
  if (!text) {
    return tl::unexpected(std::vector<PolicyProblem>{
        {.file = path,
         .message = text.error().substr(std::min(path.size() + 2, text.error().size())),  // without "<path>: "
         .rule = PolicyRule::kFileUnreadable}});
  }
  return policy_of_text(*text, path);
}

void complain_about(const std::vector<PolicyProblem>& problems) {
  for (const PolicyProblem& problem : problems) {
    std::cerr << to_report(problem) << "\n";
  }
}

std::shared_ptr<const Policy> read_policy_or_complain(const std::string& path) {
  auto read = read_policy_file(path);
  if (read) {
    return read->policy;
  }
  complain_about(read.error());
  return nullptr;
}

std::shared_ptr<const Policy> read_policy_and_log_warnings(const std::string& path) {
  auto read = read_policy_file(path);
  if (!read) {
    complain_about(read.error());
    return nullptr;
  }
  log_policy_warnings(read->warnings);
  return read->policy;
}

void log_policy_warnings(const std::vector<PolicyProblem>& warnings) {
  // A log is no place for a list of thousands; `signet policy check` has it.
  constexpr std::size_t kMaxLogged = 20;
  for (const PolicyProblem& warning : warnings | std::views::take(kMaxLogged)) {
    log(LogLevel::kWarning, "doubtful policy",
        {{"place", warning.file + ":" + std::to_string(warning.line) + ":" + std::to_string(warning.column)},
         {"rule", info_of(warning.rule).id},
         {"warning", warning.message}});
  }
  if (warnings.size() > kMaxLogged) {
    log(LogLevel::kWarning, "doubtful policy: signet policy check tells every warning",
        {{"warnings", std::to_string(warnings.size())}});
  }
}

std::shared_ptr<const KnownNamespaces> read_namespaces_or_complain(const std::string& path) {
  if (path.empty()) {
    return std::make_shared<const KnownNamespaces>();
  }
  const auto text = read_bounded_file(path, kMaxNamespacesBytes);
  if (!text) {
    std::cerr << text.error() << "\n";
    return nullptr;
  }
  const auto namespaces = load_namespaces(*text, path);
  if (!namespaces) {
    complain_about(namespaces.error());
    return nullptr;
  }
  return *namespaces;
}

}  // namespace signet
