#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "signer/kube/kubeconfig.h"

namespace signet {

// One HTTP request to the API server.
struct ApiRequest {
  std::string method = "GET";
  // Path and query, percent-encoded, without the access's prefix.
  std::string path;
  std::string body;
  std::string content_type;
  std::string accept = "application/json";
  // Longest silence while the answer is read, and longest time for all of its body.
  std::chrono::seconds read_timeout{30};
  std::chrono::seconds total_timeout{60};
  // Applies to a body that is collected, not to one that goes to a sink.
  std::size_t max_body_bytes = std::size_t{8} << 20;
};

struct ApiResponse {
  int status = 0;
  std::string body;
  // The headers; empty when there are none.
  std::string retry_after;
  std::string date;
};

struct ApiFailure {
  // The body went beyond max_body_bytes; otherwise there was no complete answer.
  bool too_large = false;
  std::string message;
};

// Takes the body of a 200 answer as it comes; false ends the request.
using BodySink = std::function<bool(std::string_view)>;

// Told of the head of each answer, of which the body is not there yet.
using HeadSink = std::function<void(const ApiResponse&)>;

// Keys and certificates of a ClusterAccess, decoded once and used by every connection.
class ClientIdentity;

// One TLS connection to the API server, kept alive between requests. The server's certificate must lead to the access's
// CA, and to no CA of the system, and be for its host. One request at a time.
class ApiConnection {
 public:
  ApiConnection(std::shared_ptr<const ClientIdentity> identity, HeadSink on_head);
  ApiConnection(const ApiConnection&) = delete;
  ApiConnection& operator=(const ApiConnection&) = delete;
  ~ApiConnection();

  // `sink` may be empty: then the body is collected. `token` may be empty. A stop ends the request at once, as a
  // failure.
  [[nodiscard]] tl::expected<ApiResponse, ApiFailure> exchange(const ApiRequest& request, const std::string& token,
                                                               const BodySink& sink, const std::stop_token& stop);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads the PEM in `access`; the error names which of it is bad.
[[nodiscard]] tl::expected<std::shared_ptr<const ClientIdentity>, std::string> make_client_identity(
    const ClusterAccess& access);

}  // namespace signet
