#include "signer/kube/api_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "signer/kube/buffered_tls_client.h"
#include "signer/kube/wipe_secret.h"

namespace signet {
namespace {

constexpr std::chrono::seconds kConnectTimeout(5);
constexpr std::chrono::seconds kWriteTimeout(10);

// A peer of which nothing comes any more, not even that it has received something, is given up after 5 s if we have
// sent something, else after 11 s. TCP itself would try for many minutes, and ever more rarely: when the way is free
// again, a new connection is there sooner. A peer that is only slow is not concerned.
constexpr int kUserTimeoutMilliseconds = 5000;
constexpr int kKeepAliveIdleSeconds = 5;
constexpr int kKeepAliveIntervalSeconds = 2;
constexpr int kKeepAliveProbes = 3;

// cpp-httplib adds the system's CAs to any store, unless it is given a folder of CAs instead: this one, which cannot
// exist.
constexpr const char* kNoSystemCas = "/dev/null/no-system-cas";

// The API server keeps objects of 1.5 MiB at most. The text of one stands in one piece: a string that grows leaves
// copies behind, of keys too.
constexpr std::uint64_t kMaxObjectText = std::uint64_t{2} << 20;

constexpr std::size_t kMaxErrorBodyBytes = std::size_t{64} << 10;

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using EvpPkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;

BioPtr open_text(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A passphrase is never asked for on a terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

// All certificates of a PEM text; none when one of them cannot be read.
std::vector<X509Ptr> read_certificates(const std::string& pem) {
  const BioPtr bio = open_text(pem);
  std::vector<X509Ptr> certificates;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))
    certificates.emplace_back(certificate);
  // Ends with "no start line" after the last one.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) certificates.clear();
  ERR_clear_error();
  return certificates;
}

// A second descriptor of the connection's socket, so that another thread can end what the first one waits for without
// racing its close.
class SocketBreaker {
 public:
  SocketBreaker() = default;
  SocketBreaker(const SocketBreaker&) = delete;
  SocketBreaker& operator=(const SocketBreaker&) = delete;
  ~SocketBreaker() { replace(-1); }

  void watch(int socket) {
    const std::lock_guard lock(mutex_);
    replace(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
  }

  void shut_down() {
    const std::lock_guard lock(mutex_);
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_RDWR);
  }

 private:
  void replace(int descriptor) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = descriptor;
  }

  std::mutex mutex_;
  int descriptor_ = -1;  // guarded by mutex_
};

void set_socket_option(int socket, int level, int option, int value) {
  // Without them the connection works as well, a dead peer is only noticed later.
  static_cast<void>(::setsockopt(socket, level, option, &value, sizeof(value)));
}

void keep_alive(int socket) {
  set_socket_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_socket_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_socket_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set_socket_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  set_socket_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMilliseconds);
}

}  // namespace

class ClientIdentity {
 public:
  std::string host;
  int port = 0;
  std::string path_prefix;
  // The Host header.
  std::string authority;
  std::vector<X509Ptr> authorities;
  // The leaf first; with its key or both empty.
  std::vector<X509Ptr> certificates;
  EvpPkeyPtr key;
};

tl::expected<std::shared_ptr<const ClientIdentity>, std::string> make_client_identity(const ClusterAccess& access) {
  auto identity = std::make_shared<ClientIdentity>();
  identity->host = access.host;
  identity->port = access.port;
  identity->path_prefix = access.path_prefix;
  const bool is_ipv6 = access.host.find(':') != std::string::npos;
  identity->authority = (is_ipv6 ? '[' + access.host + ']' : access.host) + ':' + std::to_string(access.port);

  identity->authorities = read_certificates(access.ca_pem);
  if (identity->authorities.empty()) return tl::unexpected(std::string("the cluster's CA is not a PEM certificate"));
  if (!access.client_certificate_pem.empty()) {
    identity->certificates = read_certificates(access.client_certificate_pem);
    if (identity->certificates.empty())
      return tl::unexpected(std::string("the client certificate is not a PEM certificate"));
    identity->key.reset(
        PEM_read_bio_PrivateKey(open_text(access.client_key_pem).get(), nullptr, no_passphrase, nullptr));
    const bool is_match = identity->key != nullptr &&
                          X509_check_private_key(identity->certificates.front().get(), identity->key.get()) == 1;
    ERR_clear_error();
    if (identity->key == nullptr) return tl::unexpected(std::string("the client key is not an unencrypted PEM key"));
    if (!is_match) return tl::unexpected(std::string("the client key is not that of the client certificate"));
  }
  return identity;
}

class ApiConnection::Impl {
 public:
  Impl(std::shared_ptr<const ClientIdentity> identity, HeadSink on_head)
      : identity_(std::move(identity)),
        on_head_(std::move(on_head)),
        client_(identity_->host, identity_->port,
                identity_->certificates.empty() ? nullptr : identity_->certificates.front().get(),
                identity_->key.get()) {
    client_.set_keep_alive(true);
    client_.set_follow_location(false);
    client_.set_url_encode(false);
    client_.set_decompress(false);
    client_.set_tcp_nodelay(true);
    client_.set_connection_timeout(kConnectTimeout);
    client_.set_ca_cert_path("", kNoSystemCas);
    client_.enable_server_certificate_verification(true);
    client_.set_socket_options([this](int socket) {
      keep_alive(socket);
      breaker_.watch(socket);
    });
    is_usable_ = client_.is_valid() && configure_tls(client_.ssl_context());
    ERR_clear_error();
  }

  tl::expected<ApiResponse, ApiFailure> exchange(const ApiRequest& request, const std::string& token,
                                                 const BodySink& sink, const std::stop_token& stop) {
    if (!is_usable_) return failure("TLS cannot be set up");
    const std::stop_callback on_stop(stop, [this] { breaker_.shut_down(); });
    if (stop.stop_requested()) return failure("stopped");

    httplib::Request out;
    out.method = request.method;
    out.path = identity_->path_prefix + request.path;
    out.body = request.body;
    out.headers = {{"Host", identity_->authority},
                   {"User-Agent", "signet"},
                   {"Accept", request.accept},
                   {"Accept-Encoding", "identity"}};
    if (!request.content_type.empty()) out.headers.emplace("Content-Type", request.content_type);
    if (!token.empty()) out.headers.emplace("Authorization", "Bearer " + token);

    ApiResponse in;
    std::string refusal;
    bool too_large = false;
    out.response_handler = [&](const httplib::Response& head) {
      in.status = head.status;
      in.retry_after = head.get_header_value("Retry-After");
      in.date = head.get_header_value("Date");
      on_head_(in);
      // A stop while the connection was being made found no connection to shut down.
      return !stop.stop_requested();
    };
    const auto deadline = std::chrono::steady_clock::now() + request.total_timeout;
    out.content_receiver = [&](const char* data, std::size_t length, std::uint64_t, std::uint64_t total) {
      if (stop.stop_requested()) return false;
      if (std::chrono::steady_clock::now() > deadline) {
        refusal = "the answer took longer than " + std::to_string(request.total_timeout.count()) + " s";
        return false;
      }
      if (sink && in.status == 200) return sink({data, length});
      const std::size_t max_bytes = sink ? kMaxErrorBodyBytes : request.max_body_bytes;
      if (length > max_bytes - in.body.size()) {
        too_large = true;
        refusal = "the answer is larger than " + std::to_string(max_bytes) + " bytes";
        return false;
      }
      if (in.body.empty() && total <= kMaxObjectText) in.body.reserve(static_cast<std::size_t>(total));
      in.body.append(data, length);
      return true;
    };

    client_.set_patience(request.read_timeout, kWriteTimeout);
    httplib::Response head;
    httplib::Error error = httplib::Error::Success;
    try {
      const bool is_answered = client_.send(out, head, error);
      wipe_secret(out.body);
      if (is_answered) return in;
    } catch (const std::exception& exception) {
      return failure(exception.what());
    }
    if (stop.stop_requested()) return failure("stopped");
    if (!refusal.empty()) return tl::unexpected(ApiFailure{too_large, refusal});
    return failure(describe(error));
  }

 private:
  bool configure_tls(SSL_CTX* context) {
    X509_STORE* const store = SSL_CTX_get_cert_store(context);
    for (const X509Ptr& authority : identity_->authorities) {
      if (X509_STORE_add_cert(store, authority.get()) != 1) return false;
    }
    for (std::size_t i = 1; i < identity_->certificates.size(); ++i) {
      if (SSL_CTX_add1_chain_cert(context, identity_->certificates[i].get()) != 1) return false;
    }
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return false;

    // OpenSSL's own check of the name, beside cpp-httplib's, which falls back to the subject.
    X509_VERIFY_PARAM* const param = SSL_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // Every certificate of a cluster's CA bundle is an anchor, also one that is not self-signed.
    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1) return false;
    return X509_VERIFY_PARAM_set1_ip_asc(param, identity_->host.c_str()) == 1 ||
           X509_VERIFY_PARAM_set1_host(param, identity_->host.data(), identity_->host.size()) == 1;
  }

  [[nodiscard]] tl::unexpected<ApiFailure> failure(const std::string& what) const {
    return tl::unexpected(ApiFailure{false, identity_->authority + ": " + what});
  }

  [[nodiscard]] std::string describe(httplib::Error error) const {
    switch (error) {
      case httplib::Error::Connection:
        return "cannot connect";
      case httplib::Error::ConnectionTimeout:
        return "no connection within " + std::to_string(kConnectTimeout.count()) + " s";
      case httplib::Error::SSLConnection:
        return "the TLS handshake failed";
      case httplib::Error::SSLServerVerification: {
        const long result = client_.get_openssl_verify_result();
        return std::string("the server's certificate is refused: ") +
               (result == X509_V_OK ? "it is for another host" : X509_verify_cert_error_string(result));
      }
      case httplib::Error::Write:
        return "the connection was lost while the request was sent";
      case httplib::Error::Read:
        return "no complete answer: the connection was lost, or silent for too long";
      default:
        return "the request failed (" + httplib::to_string(error) + ")";
    }
  }

  const std::shared_ptr<const ClientIdentity> identity_;
  const HeadSink on_head_;
  SocketBreaker breaker_;
  BufferedTlsClient client_;
  bool is_usable_ = false;
};

ApiConnection::ApiConnection(std::shared_ptr<const ClientIdentity> identity, HeadSink on_head)
    : impl_(std::make_unique<Impl>(std::move(identity), std::move(on_head))) {}
ApiConnection::~ApiConnection() = default;

tl::expected<ApiResponse, ApiFailure> ApiConnection::exchange(const ApiRequest& request, const std::string& token,
                                                              const BodySink& sink, const std::stop_token& stop) {
  return impl_->exchange(request, token, sink, stop);
}

}  // namespace signet
