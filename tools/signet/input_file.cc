#include "tools/signet/input_file.h"

#include <algorithm>
#include <iostream>

#include "signer/csr/sha256.h"
#include "signer/kube/bounded_file.h"

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

tl::expected<std::shared_ptr<const Policy>, std::vector<PolicyProblem>> read_policy_file(const std::string& path) {
  const tl::expected<std::string, std::string> text = read_bounded_file(path, kMaxPolicyBytes);
  if (!text) {
    return tl::unexpected(
        std::vector<PolicyProblem>{{path, 0, 0, text.error().substr(std::min(path.size() + 2, text.error().size()))}});
  }
  tl::expected<PolicyModel, std::vector<PolicyProblem>> model = load_policy(*text, path);
  if (!model) {
    return tl::unexpected(std::move(model.error()));
  }
  return std::make_shared<const Policy>(*std::move(model), sha256_hex(*text));
}

std::shared_ptr<const Policy> read_policy_or_complain(const std::string& path) {
  auto policy = read_policy_file(path);
  if (policy) {
    return *std::move(policy);
  }
  for (const PolicyProblem& problem : policy.error()) {
    std::cerr << to_string(problem) << "\n";
  }
  return nullptr;
}

}  // namespace signet
