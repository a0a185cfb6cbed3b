#pragma once

#include <httplib.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "signer/kube/kubeconfig.h"
#include "test/unit/kube/test_pki.h"

namespace signet {

// What the fake was asked.
struct SeenRequest {
  std::string method;
  std::string target;
  std::string body;
  httplib::Headers headers;

  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

// A TLS server on loopback that answers as one function says.
class FakeApiServer {
 public:
  using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;

  // With `client_ca`, a client certificate of that CA is required. The fake sends bodies as JSON.
  FakeApiServer(const TestIdentity& identity, Handler handler, const TestIdentity* client_ca = nullptr)
      : server_(identity.certificate.get(), identity.key.get(),
                client_ca == nullptr ? nullptr : make_store(*client_ca)),
        handler_(std::move(handler)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    const auto answer = [this](const httplib::Request& request, httplib::Response& response) {
      {
        const std::lock_guard lock(mutex_);
        seen_.push_back({request.method, request.target, request.body, request.headers});
      }
      handler_(request, response);
    };
    server_.set_tcp_nodelay(true);
    server_.Get("/.*", answer).Post("/.*", answer).Put("/.*", answer).Patch("/.*", answer);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~FakeApiServer() {
    server_.stop();
    thread_.join();
  }
  FakeApiServer(const FakeApiServer&) = delete;
  FakeApiServer& operator=(const FakeApiServer&) = delete;

  [[nodiscard]] ClusterAccess access(const TestIdentity& ca) const {
    ClusterAccess access;
    access.host = "127.0.0.1";
    access.port = port_;
    access.ca_pem = ca.certificate_pem();
    return access;
  }

  [[nodiscard]] std::vector<SeenRequest> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  static constexpr std::size_t kThreads = 24;

  static X509_STORE* make_store(const TestIdentity& ca) {
    X509_STORE* const store = X509_STORE_new();
    X509_STORE_add_cert(store, ca.certificate.get());
    return store;
  }

  httplib::SSLServer server_;
  Handler handler_;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<SeenRequest> seen_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace signet
