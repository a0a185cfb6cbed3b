#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "signer/issue/ca_choice.h"
#include "signer/kube/json_writer.h"
#include "signer/kube/rfc3339.h"
#include "tools/signet/ca/ca_place.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/mesh_roots.h"
#include "tools/signet/reload/ca_news.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr const char* kUsage =
    "signet ca status --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) [--mesh-config FILE] [options]\n\n"
    "Tells of each signer which CA is in use, as `signet ca activate` recorded it, which one waits, until when they "
    "are\n"
    "valid, and with --mesh-config whether the mesh trusts them. No key is needed for it.\n"
    "Exit codes: 0 all is in order, 1 something is to be done, 2 usage or input error";

class Report {
 public:
  Report(const CaPlace& place, const std::optional<MeshRoots>& mesh, std::chrono::sys_seconds now)
      : place_(place), mesh_(mesh), now_(now) {}

  // Whether nothing is to be done about any CA.
  [[nodiscard]] bool is_in_order() const { return in_order_; }

  [[nodiscard]] std::string text(const std::string& signer, const CaChoice& choice) {
    std::string text = signer + ": " + place_.location(signer) + "\n";
    if (choice.in_force) {
      text += line("in use", signer, *choice.in_force->chain);
      text += choice.is_kept ? "  kept: " + place_.record_location(signer) + "\n"
                             : "  kept: nowhere; `signet ca activate` keeps it, whatever becomes of its source\n";
    }
    if (choice.staged != nullptr) {
      text += line("waits", signer, *choice.staged);
    }
    for (const std::string& problem : choice.problems) {
      text += "  problem: " + problem + "\n";
    }
    judge(signer, choice);
    return text;
  }

  void json(JsonWriter& json, const std::string& signer, const CaChoice& choice) {
    json.begin_object().key("signer").string(signer).key("signerName").string(place_.policy->signer_name(signer));
    if (choice.in_force) {
      json.key("inUse");
      object(json, signer, *choice.in_force->chain);
    }
    if (choice.staged != nullptr) {
      json.key("staged");
      object(json, signer, *choice.staged);
    }
    json.key("kept").boolean(choice.is_kept).key("problems").begin_array();
    for (const std::string& problem : choice.problems) {
      json.string(problem);
    }
    json.end_array().end_object();
    judge(signer, choice);
  }

 private:
  [[nodiscard]] bool is_carried(const std::string& signer, const IssuerChain& chain) const {
    return mesh_->carry(place_.policy->signer_name(signer), chain.path().back());
  }

  [[nodiscard]] std::string line(const std::string& what, const std::string& signer, const IssuerChain& chain) const {
    std::string text = "  " + what + ": " + key_and_end(chain);
    if (life_of(chain, now_) != CaLife::kLong) {
      text += ", which is soon";
    }
    if (mesh_) {
      text += is_carried(signer, chain) ? "; the mesh has its root" : "; the mesh LACKS its root";
    }
    return text + "\n";
  }

  void object(JsonWriter& json, const std::string& signer, const IssuerChain& chain) const {
    json.begin_object().key("spkiSha256").string(chain.issuer_spki_sha256());
    json.key("rootSha256").string(chain.root_sha256()).key("notAfter").string(to_rfc3339(chain.not_after()));
    if (mesh_) {
      json.key("inMesh").boolean(is_carried(signer, chain));
    }
    json.end_object();
  }

  void judge(const std::string& signer, const CaChoice& choice) {
    in_order_ = in_order_ && choice.in_force && choice.staged == nullptr && choice.problems.empty() &&
                life_of(*choice.in_force->chain, now_) == CaLife::kLong &&
                (!mesh_ || is_carried(signer, *choice.in_force->chain));
  }

  const CaPlace& place_;
  const std::optional<MeshRoots>& mesh_;
  const std::chrono::sys_seconds now_;
  bool in_order_ = true;
};

}  // namespace

int ca_status_command(const Arguments& arguments) {
  po::options_description options = ca_place_options_for_signers();
  add_mesh_config_option(options);
  add_output_option(options);
  const auto line = CommandLine::parse(kUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  const auto as_json = wants_json(*line);
  if (!as_json) {
    return as_json.error();
  }
  const auto place = CaPlace::of(*line);
  if (!place) {
    return place.error();
  }
  const auto mesh = mesh_roots_of(*line);
  if (!mesh) {
    return mesh.error();
  }
  const auto now = now_in_seconds();
  Report report(*place, *mesh, now);
  JsonWriter json;
  json.begin_array();
  for (const auto& [signer, reading] : read_cas(place->source(false), place->api.get(), place->secret_names())) {
    const CaChoice choice = choose_ca(signer, reading.found, nullptr, now);
    if (*as_json) {
      report.json(json, signer, choice);
    } else {
      std::cout << report.text(signer, choice);
    }
  }
  if (*as_json) {
    std::cout << json.end_array().take() << "\n";
  }
  return report.is_in_order() ? kExitYes : kExitNo;
}

}  // namespace signet
