#include <algorithm>
#include <chrono>
#include <iostream>

#include "policy/duration.h"
#include "signer/issue/ca_creation.h"
#include "signer/kube/json_writer.h"
#include "signer/kube/rfc3339.h"
#include "tools/signet/ca/ca_place.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"

namespace signet {

namespace po = boost::program_options;

namespace {

constexpr const char* kInitUsage =
    "signet ca init --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) [options]\n\n"
    "Makes a self-signed CA for each signer: a key, and a certificate that is its own root. Nothing is ever replaced:\n"
    "if one of the signers has a CA already, or a part of one, none is made.\n"
    "Exit codes: 0 made, 1 something is there already and nothing was changed, 2 usage or input error, or a failure";
constexpr const char* kRootsUsage =
    "signet ca roots --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) [options]\n\n"
    "Prints the root that each signer's certificates lead to, and the one that they will after `signet ca activate`:\n"
    "what clients are to trust. No key is needed for it.\n"
    "Exit codes: 0 printed, 2 usage or input error";

// One that lives for less is over before a mesh is set up with it.
constexpr std::chrono::hours kMinLifetime{1};

tl::expected<CaProfile, std::string> profile_of(const CommandLine& line) {
  const std::optional<KeyType> key = key_type_named(line.text("key"));
  if (!key) {
    std::string known;
    for (const KeyType type : kKeyTypes) {
      known += (known.empty() ? "" : ", ") + std::string(to_string(type));
    }
    return tl::unexpected("--key must be one of " + known + ", not \"" + line.text("key") + "\"");
  }
  const std::optional<std::chrono::seconds> lifetime = parse_duration(line.text("validity"));
  if (!lifetime || *lifetime < kMinLifetime) {
    return tl::unexpected("--validity must be a duration such as 87600h, " + to_string(kMinLifetime) +
                          " or more, not \"" + line.text("validity") + "\"");
  }
  return CaProfile{.key = *key, .lifetime = *lifetime};
}

int init(const Arguments& arguments) {
  po::options_description options = ca_place_options_for_signers();
  options.add_options()("key", po::value<std::string>()->default_value("ECDSA-P256")->value_name("TYPE"),
                        "as policies name it: ECDSA-P256, ECDSA-P384, RSA-2048, RSA-3072, RSA-4096");
  options.add_options()("validity", po::value<std::string>()->default_value("87600h")->value_name("DURATION"),
                        "how long the CAs are valid");
  const auto line = CommandLine::parse(kInitUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  const auto profile = profile_of(*line);
  if (!profile) {
    return usage_error(profile.error());
  }
  const auto place = CaPlace::of(*line);
  if (!place) {
    return place.error();
  }
  const auto now = now_in_seconds();
  const auto created = place->api == nullptr ? create_cas_in_directory(place->directory, place->signers, *profile, now)
                                             : create_cas_in_secrets(*place->api, place->name_space,
                                                                     place->secret_names(), *profile, now);
  if (!created) {
    if (!created.error().only_existing) {
      return complain_of_all(created.error().problems, kExitUsage);
    }
    static_cast<void>(complain_of_all(created.error().problems, kExitNo));
    std::cerr << "signet: nothing was changed; --signer makes the CA of a signer that has none\n";
    return kExitNo;
  }
  for (const std::string& signer : place->signers) {
    std::cout << signer << ": " << place->location(signer) << ", " << to_string(profile->key) << ", valid until "
              << to_rfc3339(now + profile->lifetime) << "\n";
  }
  return kExitYes;
}

void add_root(JsonWriter& json, const Policy& policy, const std::string& signer, const IssuerChain& chain,
              bool is_staged) {
  json.begin_object().key("signer").string(signer).key("signerName").string(policy.signer_name(signer));
  json.key("pem").string(chain.root_pem()).key("sha256").string(chain.root_sha256());
  json.key("notAfter").string(to_rfc3339(not_after(chain.path().back())));
  if (is_staged) {
    json.key("staged").boolean(true);
  }
  json.end_object();
}

std::string roots_as_json(const Policy& policy, const CaStates& cas) {
  JsonWriter json;
  json.begin_array();
  for (const auto& [signer, ca] : cas) {
    add_root(json, policy, signer, *ca.in_force.chain, false);
    if (ca.staged != nullptr) {
      add_root(json, policy, signer, *ca.staged, true);
    }
  }
  return json.end_array().take() + "\n";
}

std::string roots_as_pem(const Policy& policy, const CaStates& cas) {
  std::string text;
  for (const auto& [signer, ca] : cas) {
    text += "# " + policy.signer_name(signer) + "\n" + roots_pem(ca);
  }
  return text;
}

int roots(const Arguments& arguments) {
  po::options_description options = ca_place_options_for_signers();
  options.add_options()("output", po::value<std::string>()->default_value("pem")->value_name("FORMAT"),
                        "pem, each root after a comment with its signerName, or json");
  const auto line = CommandLine::parse(kRootsUsage, options, arguments);
  if (!line) {
    return line.error();
  }
  const std::string output = line->text("output");
  if (output != "pem" && output != "json") {
    return usage_error("--output must be pem or json, not \"" + output + "\"");
  }
  const auto place = CaPlace::of(*line);
  if (!place) {
    return place.error();
  }
  const auto cas = place->states(now_in_seconds());
  if (!cas) {
    return cas.error();
  }
  std::cout << (output == "json" ? roots_as_json(*place->policy, *cas) : roots_as_pem(*place->policy, *cas));
  return kExitYes;
}

}  // namespace

int ca_command(const Arguments& arguments) {
  const std::string which = arguments.empty() ? "" : arguments[0];
  if (which == "init") {
    return init({arguments.begin() + 1, arguments.end()});
  }
  if (which == "roots") {
    return roots({arguments.begin() + 1, arguments.end()});
  }
  if (which == "status") {
    return ca_status_command({arguments.begin() + 1, arguments.end()});
  }
  if (which == "activate") {
    return ca_activate_command({arguments.begin() + 1, arguments.end()});
  }
  const std::string usage =
      "Usage: signet ca init|roots|status|activate --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) [options]";
  if (which == "--help" || which == "-h") {
    std::cout << usage << "\n`signet ca init --help` tells the options of init, and so for the others.\n";
    return kExitYes;
  }
  return usage_error("ca: which of: init, roots, status, activate\n" + usage);
}

}  // namespace signet
