#include "tools/signet/inputs/mesh_roots.h"

#include <algorithm>
#include <utility>

#include "policy/yaml_document.h"
#include "signer/trust/renewal.h"

namespace signet {
namespace {

const YamlNode* member(const YamlNode* node, std::string_view key) {
  return node == nullptr ? nullptr : node->find(key);
}

}  // namespace

tl::expected<MeshRoots, std::vector<std::string>> MeshRoots::parse(std::string_view text, const std::string& file) {
  std::vector<std::string> problems;
  const auto problem = [&](const std::string& name, const YamlMark& mark, const std::string& message) {
    problems.push_back(name + ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column) + ": " + message);
  };
  const auto read = [&](std::string_view yaml, const std::string& name) {
    auto root = parse_yaml(yaml, {.max_bytes = kMaxMeshConfigBytes});
    if (!root) {
      for (const YamlProblem& wrong : root.error()) {
        problem(name, wrong.mark, wrong.message);
      }
    }
    return root;
  };
  auto root = read(text, file);
  if (!root) {
    return tl::unexpected(std::move(problems));
  }
  std::string name = file;
  if (const YamlNode* const kind = root->find("kind"); kind != nullptr && kind->scalar == "ConfigMap") {
    const YamlNode* const mesh = member(root->find("data"), "mesh");
    if (mesh == nullptr) {
      problem(file, root->mark, "a ConfigMap without data.mesh is none with a MeshConfig");
      return tl::unexpected(std::move(problems));
    }
    const std::string inner = mesh->scalar;
    name += ": data.mesh";
    root = read(inner, name);
    if (!root) {
      return tl::unexpected(std::move(problems));
    }
  }
  MeshRoots roots;
  const YamlNode* const entries = root->find("caCertificates");
  if (entries == nullptr || entries->kind != YamlNode::Kind::kSequence) {
    problem(name, root->mark, "no MeshConfig with caCertificates");
    return tl::unexpected(std::move(problems));
  }
  for (const YamlNode& entry : entries->items) {
    const YamlNode* const signers = entry.find("certSigners");
    const YamlNode* const pem = entry.find("pem");
    if (signers == nullptr || signers->items.empty() || pem == nullptr) {
      continue;  // for no signer
    }
    for (const YamlNode& signer : signers->items) {
      auto certificates = read_certificates(pem->scalar);
      if (!certificates) {
        problem(name, pem->mark, "pem: " + certificates.error());
        break;
      }
      if (!roots.roots_.emplace(signer.scalar, *std::move(certificates)).second) {
        problem(name, signer.mark,
                "signer \"" + signer.scalar +
                    "\" comes twice, and istiod takes either; give its "
                    "roots in one entry");
      }
    }
  }
  if (!problems.empty()) {
    return tl::unexpected(std::move(problems));
  }
  return roots;
}

bool MeshRoots::carry(const std::string& signer_name, const Certificate& root) const {
  const auto found = roots_.find(signer_name);
  return found != roots_.end() && std::ranges::any_of(found->second, [&](const Certificate& certificate) {
           return are_same_anchor(certificate, root);
         });
}

}  // namespace signet
