#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "signer/issue/ca_choice.h"
#include "signer/issue/ca_record.h"
#include "signer/kube/rfc3339.h"
#include "signer/trust/renewal.h"
#include "tools/signet/ca/ca_place.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/mesh_roots.h"
#include "tools/signet/reload/ca_news.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr const char* kUsage =
    "signet ca activate --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) (--mesh-config FILE | --force) "
    "[options]\n\n"
    "Records what is in each signer's place as the CA in use: from then on Signet signs with this key and no other,\n"
    "whatever becomes of the place, also after a restart. Refuses, and changes nothing, while the mesh does not carry "
    "one\n"
    "of their roots, or one of the CAs cannot be used.\n"
    "Exit codes: 0 they are in use, 1 refused, 2 usage or input error, or a failure";

// The CA of one signer, on its way from its place to its record.
struct Step {
  TlsSecret content;
  Ca ca;
  std::optional<TlsSecret> record;  // of Secrets: what it was
  bool is_done = false;             // the record holds it already
};

class Activation {
 public:
  Activation(const CaPlace& place, std::chrono::sys_seconds now) : place_(place), now_(now) {}

  // What is there of each signer. An error is all that keeps one of them from being used.
  tl::expected<void, std::vector<std::string>> prepare() {
    std::vector<std::string> problems;
    for (const std::string& signer : place_.signers) {
      if (auto step = read(signer)) {
        steps_.emplace(signer, *std::move(step));
      } else {
        problems.push_back(std::move(step.error()));
      }
    }
    if (!problems.empty()) {
      return tl::unexpected(std::move(problems));
    }
    return {};
  }

  // Why these may not be used together with those of the other signers, or by the mesh.
  [[nodiscard]] std::vector<std::string> objections(const std::optional<MeshRoots>& mesh) const {
    TrustStore::Chains chains;
    const CaSource public_part = place_.source(false);
    for (const std::string& signer : place_.policy->signers()) {
      if (const auto step = steps_.find(signer); step != steps_.end()) {
        chains.emplace(signer, step->second.ca.chain);
      } else if (auto choice = choose_ca(
                     signer, read_ca(public_part, place_.api.get(), signer, place_.policy->secret_name(signer)),
                     nullptr, now_);
                 choice.in_force) {
        chains.emplace(signer, choice.in_force->chain);
      }
    }
    std::vector<std::string> problems = TrustStore(std::move(chains)).isolation_problems();
    for (const auto& [signer, step] : steps_) {
      const std::string signer_name = place_.policy->signer_name(signer);
      if (mesh && !mesh->carry(signer_name, step.ca.chain->path().back())) {
        problems.push_back("signer \"" + signer + "\": the mesh's caCertificates do not carry its root, SHA-256 " +
                           step.ca.chain->root_sha256() + ", for " + signer_name +
                           ": `signet render meshconfig` prints it; --force activates all the same");
      }
    }
    return problems;
  }

  // Writes each record. What is written stays where one fails.
  tl::expected<void, std::vector<std::string>> carry_out() {
    std::vector<std::string> problems;
    for (auto& [signer, step] : steps_) {
      const auto done = step.is_done ? tl::expected<void, std::string>{} : keep(signer, step);
      if (!done) {
        problems.push_back("signer \"" + signer + "\": " + done.error());
        continue;
      }
      std::cout << signer << ": " << place_.record_location(signer) << (step.is_done ? " holds it already: " : ": ")
                << key_and_end(*step.ca.chain) << "\n";
    }
    if (!problems.empty()) {
      return tl::unexpected(std::move(problems));
    }
    return {};
  }

 private:
  tl::expected<Step, std::string> read(const std::string& signer) const {
    const std::string about = "signer \"" + signer + "\": ";
    const std::string secret_name = place_.policy->secret_name(signer);
    Step step;
    std::string where;
    if (place_.api == nullptr) {
      auto content = read_ca_files(place_.location(signer));
      if (!content) {
        return tl::unexpected(about + content.error());
      }
      step.content = *std::move(content);
      where = place_.location(signer) + ": ";
    } else {
      auto content = place_.api->get_tls_secret(place_.name_space, secret_name);
      auto record = place_.api->get_tls_secret(place_.name_space, in_use_secret(secret_name));
      where = place_.location(signer) + ": ";
      if (!content) {
        return tl::unexpected(about + where + content.error().message);
      }
      if (!record && record.error().kind != KubeError::Kind::kNotFound) {
        return tl::unexpected(about + place_.record_location(signer) + ": " + record.error().message);
      }
      step.content = *std::move(content);
      if (record) {
        step.record = *std::move(record);
      }
      for (const std::string& other : place_.policy->signers()) {
        if (place_.policy->secret_name(other) == in_use_secret(secret_name)) {
          return tl::unexpected(about + place_.record_location(signer) + " is where the CA of signer \"" + other +
                                "\" comes from");
        }
      }
    }
    auto ca = ca_of(signer, where, step.content, true);
    if (!ca) {
      return tl::unexpected(ca.error().problems.front());
    }
    step.ca = *std::move(ca);
    if (const auto valid = step.ca.chain->check_validity(now_); !valid) {
      return tl::unexpected(about + valid.error());
    }
    if (life_of(*step.ca.chain, now_) == CaLife::kOver) {
      return tl::unexpected(about + "the CA expires at " + to_rfc3339(step.ca.chain->not_after()) +
                            ": nothing would be signed with it");
    }
    const CaFindings found = read_ca(place_.source(true), place_.api.get(), signer, secret_name);
    step.is_done = found.in_use && *found.in_use && are_same_certificates(*(*found.in_use)->chain, *step.ca.chain);
    return step;
  }

  [[nodiscard]] tl::expected<void, std::string> keep(const std::string& signer, const Step& step) const {
    if (place_.api == nullptr) {
      return keep_in_folder(place_.location(signer), step.content);
    }
    return keep_in_secret(*place_.api, place_.name_space, place_.policy->secret_name(signer), step.content,
                          step.record ? &*step.record : nullptr)
        .map_error([&](const KubeError& error) { return place_.record_location(signer) + ": " + error.message; });
  }

  const CaPlace& place_;
  const std::chrono::sys_seconds now_;
  std::map<std::string, Step> steps_;
};

}  // namespace

int ca_activate_command(const Arguments& arguments) {
  po::options_description options = ca_place_options_for_signers();
  add_mesh_config_option(options);
  options.add_options()("force", po::bool_switch(), "do not ask whether the mesh carries the roots");
  const auto line = CommandLine::parse(kUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  if (line->has("mesh-config") == line->flag("force")) {
    return usage_error("exactly one of --mesh-config and --force is needed");
  }
  const auto place = CaPlace::of(*line);
  if (!place) {
    return place.error();
  }
  const auto mesh = mesh_roots_of(*line);
  if (!mesh) {
    return mesh.error();
  }
  Activation activation(*place, now_in_seconds());
  if (const auto prepared = activation.prepare(); !prepared) {
    return complain_of_all(prepared.error(), kExitNo);
  }
  if (const auto objections = activation.objections(*mesh); !objections.empty()) {
    return complain_of_all(objections, kExitNo);
  }
  if (const auto done = activation.carry_out(); !done) {
    return complain_of_all(done.error(), kExitUsage);
  }
  return kExitYes;
}

}  // namespace signet
