#include <iostream>
#include <optional>

#include "policy/duration.h"
#include "policy/kubernetes_names.h"
#include "signer/kube/bounded_file.h"
#include "tools/signet/command_line/cluster_access.h"
#include "tools/signet/command_line/command.h"
#include "tools/signet/command_line/command_line.h"
#include "tools/signet/inputs/input_file.h"
#include "tools/signet/inputs/log.h"
#include "tools/signet/serve/server.h"

namespace signet {

namespace po = boost::program_options;

namespace {

po::options_description options_of_serve() {
  po::options_description options("Options");
  const auto text = [&](const char* name, const char* value_name, const char* help) {
    options.add_options()(name, po::value<std::string>()->value_name(value_name), help);
  };
  options.add_options()("policy", po::value<std::string>()->required()->value_name("FILE"),
                        "the policy to keep; when the file changes, or at SIGHUP, it is read again");
  options.add_options()("role", po::value<std::string>()->default_value("all")->value_name("ROLE"),
                        "all, webhook (guards, holds no key) or signer (signs, answers no reviews)");
  text("kubeconfig", "FILE", "how to reach the API server; absent: the pod's service account");
  options.add_options()("listen", po::value<std::string>()->default_value("0.0.0.0:8443")->value_name("ADDRESS:PORT"),
                        "where /validate, /mutate, /livez and /readyz are served over TLS");
  text("metrics-listen", "ADDRESS:PORT",
       "where /metrics is served over plain HTTP, to whoever reaches it; absent: nowhere");
  text("tls-cert", "FILE",
       "PEM of the serving certificate, leaf first; it, its key and the client CAs are read again when they change");
  text("tls-key", "FILE", "PEM of its private key");
  text(
      "serving-secret", "NAMESPACE/NAME",
      "in place of both: the Secret in which Signet keeps a serving certificate and the CA of it, renews them, and has "
      "the webhooks trust it");
  text("serving-name", "DNS", "the name in it, as the webhooks call Signet; absent: signet.<namespace>.svc");
  text("client-ca", "FILE", "PEM of CAs: reviews are answered only to who shows a client certificate of theirs");
  text("ca-dir", "DIR", "CAs as DIR/<signer>/{tls.crt,tls.key,ca.crt}; role webhook reads no keys");
  text("ca-namespace", "NAMESPACE",
       "CAs as kubernetes.io/tls Secrets of this namespace, <signer>-ca unless the policy says otherwise");
  options.add_options()("audit-log", po::value<std::string>()->default_value("-")->value_name("FILE"),
                        "the issuance log, durable before a certificate leaves; - for standard output");
  options.add_options()("review-log", po::value<std::string>()->default_value("-")->value_name("FILE"),
                        "what was asked and answered; - for standard output");
  text("lease", "NAMESPACE/NAME",
       "of several replicas, the one that holds this Lease signs; absent: this is the only one");
  options.add_options()("shutdown-delay", po::value<std::string>()->default_value("0s")->value_name("DURATION"),
                        "at SIGTERM, how long reviews are answered on while /readyz says no");
  options.add_options()("log-level", po::value<std::string>()->default_value("info")->value_name("LEVEL"),
                        "the least that is logged on standard error: debug, info, warning or error");
  return options;
}

tl::expected<ServerRole, std::string> role_named(const std::string& name) {
  if (name == "all") {
    return ServerRole{.webhook = true, .signer = true};
  }
  if (name == "webhook") {
    return ServerRole{.webhook = true, .signer = false};
  }
  if (name == "signer") {
    return ServerRole{.webhook = false, .signer = true};
  }
  return tl::unexpected("--role must be all, webhook or signer, not \"" + name + "\"");
}

std::optional<LeaseName> lease_named(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    return std::nullopt;
  }
  LeaseName lease{.name_space = text.substr(0, slash), .name = text.substr(slash + 1)};
  if (!is_dns_label(lease.name_space) || !is_dns_subdomain(lease.name)) {
    return std::nullopt;
  }
  return lease;
}

// `name`: empty for the one of the Service that the manifests have.
tl::expected<ServingPlace, std::string> serving_place(const std::string& secret, const std::string& name) {
  const std::size_t slash = secret.find('/');
  ServingPlace place{.name_space = secret.substr(0, slash),
                     .secret = slash == std::string::npos ? "" : secret.substr(slash + 1),
                     .dns_name = name};
  if (!is_dns_label(place.name_space) || !is_dns_subdomain(place.secret)) {
    return tl::unexpected("--serving-secret must be NAMESPACE/NAME, not \"" + secret + "\"");
  }
  if (name.empty()) {
    place.dns_name = "signet." + place.name_space + ".svc";
  } else if (!is_dns_subdomain(name)) {
    return tl::unexpected("--serving-name must be a DNS name in lower case, not \"" + name + "\"");
  }
  return place;
}

}  // namespace

int serve_command(const Arguments& arguments) {
  const auto line = CommandLine::parse(
      "signet serve --policy FILE (--ca-dir DIR | --ca-namespace NAMESPACE) "
      "(--tls-cert FILE --tls-key FILE | --serving-secret NAMESPACE/NAME) [options]",
      options_of_serve(), arguments);
  if (!line) {
    return line.error();
  }
  ServerConfig config;
  // Everything that is wrong with the command line and its files is told in one go.
  int problems = 0;
  const auto complain = [&problems](const std::string& message) {
    static_cast<void>(usage_error(message));
    ++problems;
  };
  if (const auto role = role_named(line->text("role"))) {
    config.role = *role;
  } else {
    complain(role.error());
  }
  if (const auto level = log_level_named(line->text("log-level"))) {
    set_log_level(*level);
  } else {
    complain("--log-level must be debug, info, warning or error, not \"" + line->text("log-level") + "\"");
  }
  config.policy_file = line->text("policy");
  config.policy = read_policy_and_log_warnings(config.policy_file);
  problems += config.policy == nullptr ? 1 : 0;
  if (const auto access = cluster_access(line->text("kubeconfig"))) {
    config.access = *access;
  } else {
    complain(access.error());
  }
  config.tls_files.client_ca = line->text("client-ca");
  const bool has_files = line->has("tls-cert") || line->has("tls-key");
  if (line->has("serving-name") && !line->has("serving-secret")) {
    complain("--serving-name goes with --serving-secret");
  }
  // A signer alone serves its health, or nothing without a certificate.
  if (line->has("serving-secret")) {
    if (has_files) {
      complain("--serving-secret takes the place of --tls-cert and --tls-key");
    }
    if (auto place = serving_place(line->text("serving-secret"), line->text("serving-name"))) {
      config.serving_place = *std::move(place);
    } else {
      complain(place.error());
    }
  } else if (config.role.webhook || has_files) {
    for (const auto& [option, pem] :
         {std::pair("tls-cert", &config.tls.certificate_pem), std::pair("tls-key", &config.tls.key_pem)}) {
      if (!line->has(option)) {
        complain("--" + std::string(option) + " is required to serve over TLS, or --serving-secret");
      } else if (auto text = read_bounded_file(line->text(option), kMaxPemBytes)) {
        *pem = *std::move(text);
      } else {
        complain(text.error());
      }
    }
    config.tls_files.certificate = line->text("tls-cert");
    config.tls_files.key = line->text("tls-key");
  }
  if (line->has("client-ca") && !config.role.webhook) {
    complain("--client-ca goes with a role that answers reviews");
  } else if (line->has("client-ca")) {
    if (auto text = read_bounded_file(line->text("client-ca"), kMaxPemBytes); !text) {
      complain(text.error());
    } else if (text->empty()) {
      complain(line->text("client-ca") + ": is empty");
    } else {
      config.tls.client_ca_pem = *std::move(text);
    }
  }
  if (line->has("lease")) {
    config.lease = lease_named(line->text("lease"));
    if (!config.lease) {
      complain("--lease must be the NAMESPACE/NAME of a Lease, not \"" + line->text("lease") + "\"");
    } else if (!config.role.signer) {
      complain("--lease is for those that sign: reviews are answered by every replica");
    }
  }
  if (const auto delay = parse_duration(line->text("shutdown-delay"))) {
    config.shutdown_delay = *delay;
  } else {
    complain("--shutdown-delay must be a duration such as 5s, not \"" + line->text("shutdown-delay") + "\"");
  }
  config.listen = line->text("listen");
  config.metrics_listen = line->text("metrics-listen");
  config.ca_dir = line->text("ca-dir");
  config.ca_namespace = line->text("ca-namespace");
  config.audit_log = line->text("audit-log");
  config.review_log = line->text("review-log");
  if (config.ca_dir.empty() == config.ca_namespace.empty()) {
    complain("exactly one of --ca-dir and --ca-namespace is needed");
  } else if (!config.role.signer && config.ca_dir.empty()) {
    complain("--role webhook takes --ca-dir, with the public certificates: it has no business with Secrets");
  }
  return problems > 0 ? kExitUsage : run_server(std::move(config));
}

}  // namespace signet
