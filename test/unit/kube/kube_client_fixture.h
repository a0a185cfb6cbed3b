#pragma once

#include <catch2/catch.hpp>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "signer/kube/kube_client.h"
#include "test/unit/kube/fake_api_server.h"

namespace signet {

// The CA of the cluster and the certificate of its API server, made once; and what a program with a client must do.
struct Cluster {
  TestIdentity ca = make_test_ca("cluster ca");
  TestIdentity server = make_test_leaf(ca, "kube-apiserver", "IP:127.0.0.1,DNS:localhost");

  Cluster() { std::signal(SIGPIPE, SIG_IGN); }
};

inline const Cluster& cluster() {
  static const Cluster instance;
  return instance;
}

inline std::unique_ptr<HttpKubeClient> connect(const ClusterAccess& access) {
  auto client = HttpKubeClient::create(access);
  REQUIRE(client.has_value());
  return std::move(*client);
}

inline std::string csr_json(const std::string& name, const std::string& version = "7") {
  return R"({"metadata":{"name":")" + name + R"(","uid":"u","resourceVersion":")" + version +
         R"("},"spec":{"request":"Zm9v","signerName":"example.com/foo"}})";
}

inline FakeApiServer::Handler always(int status, const std::string& body) {
  return [status, body](const httplib::Request&, httplib::Response& response) {
    response.status = status;
    response.set_content(body, "application/json");
  };
}

}  // namespace signet
