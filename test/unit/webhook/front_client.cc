#include "test/unit/webhook/front_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <bit>
#include <cerrno>
#include <charconv>
#include <memory>

namespace signet::test {
namespace {

constexpr time_t kPatienceSeconds = 30;

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

TlsIdentity make_identity() {
  const EvpPkeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  const X509ExtensionPtr names(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "critical,IP:127.0.0.1"));
  X509_add_ext(certificate.get(), names.get(), -1);
  X509_sign(certificate.get(), key.get(), EVP_sha256());

  const BioPtr certificate_pem(BIO_new(BIO_s_mem()));
  const BioPtr key_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_pem.get(), certificate.get());
  PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {contents(certificate_pem.get()), contents(key_pem.get())};
}

RawClient::RawClient(std::uint16_t port, const char* source)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      context_(SSL_CTX_new(TLS_client_method()), [](SSL_CTX* context) { SSL_CTX_free(context); }) {
  const timeval patience{kPatienceSeconds, 0};
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int on = 1;
  (void)::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  (void)::inet_pton(AF_INET, source, &address.sin_addr);
  if (::bind(fd_.get(), std::bit_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fd_ = UniqueFd();
  }
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_.get(), std::bit_cast<const sockaddr*>(&address), sizeof address) != 0) {
    fd_ = UniqueFd();
  }
}

void RawClient::show(const TlsIdentity& identity) {
  const BioPtr certificates(BIO_new_mem_buf(identity.certificate_pem.data(), -1));
  const BioPtr key(BIO_new_mem_buf(identity.key_pem.data(), -1));
  const X509Ptr leaf(PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr));
  SSL_CTX_use_certificate(context_.get(), leaf.get());
  while (const X509Ptr above{PEM_read_bio_X509(certificates.get(), nullptr, nullptr, nullptr)}) {
    SSL_CTX_add1_chain_cert(context_.get(), above.get());
  }
  SSL_CTX_use_PrivateKey(context_.get(),
                         EvpPkeyPtr(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr)).get());
}

void RawClient::offer_session_of(const RawClient& other) { offered_.reset(SSL_get1_session(other.ssl_.get())); }

bool RawClient::is_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

bool RawClient::fail() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  failure_ = reason != nullptr ? reason : "";
  return false;
}

bool RawClient::handshake(int version) {
  if (version != 0) {
    // Below TLS 1.2 OpenSSL itself wants to be asked twice.
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_fd(ssl_.get(), fd_.get());
  if (offered_ != nullptr) {
    SSL_set_session(ssl_.get(), offered_.get());
  }
  ERR_clear_error();
  return SSL_connect(ssl_.get()) == 1 || fail();
}

bool RawClient::send(std::string_view bytes) {
  std::size_t written = 0;
  ERR_clear_error();
  return SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written) == 1;
}

bool RawClient::send_plain(std::string_view bytes) {
  return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string RawClient::key_updates(int times, std::string_view then) {
  SSL_set0_wbio(ssl_.get(), BIO_new(BIO_s_mem()));
  for (int i = 0; i < times; ++i) {
    SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(ssl_.get());
  }
  send(then);
  return contents(SSL_get_wbio(ssl_.get()));
}

bool RawClient::fill() {
  std::array<char, 4096> buffer;
  std::size_t count = 0;
  ERR_clear_error();
  if (ssl_ == nullptr || SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count) != 1) {
    return fail();
  }
  received_.append(buffer.data(), count);
  return true;
}

bool RawClient::fill_to(std::string_view mark) {
  while (received_.find(mark) == std::string::npos) {
    if (!fill()) {
      return false;
    }
  }
  return true;
}

std::optional<Answer> RawClient::receive() {
  constexpr std::string_view kEmptyLine = "\r\n\r\n";
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  if (!fill_to(kEmptyLine)) {
    return std::nullopt;
  }
  Answer answer;
  const std::size_t head_size = received_.find(kEmptyLine) + kEmptyLine.size();
  answer.head = received_.substr(0, head_size);
  const std::size_t length_at = answer.head.find(kLength);
  std::size_t length = 0;
  const char* const end = answer.head.data() + answer.head.size();
  if (!answer.head.starts_with("HTTP/1.1 ") || length_at == std::string::npos ||
      std::from_chars(answer.head.data() + 9, end, answer.status).ec != std::errc{} ||
      std::from_chars(answer.head.data() + length_at + kLength.size(), end, length).ec != std::errc{}) {
    return std::nullopt;
  }
  while (received_.size() < head_size + length) {
    if (!fill()) {
      return std::nullopt;
    }
  }
  answer.body = received_.substr(head_size, length);
  received_.erase(0, head_size + length);
  return answer;
}

bool RawClient::at_end() {
  if (ssl_ == nullptr) {
    std::array<char, 4096> buffer;
    ssize_t count = 0;
    while ((count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0)) > 0) {
    }
    return count == 0 || errno == ECONNRESET;
  }
  // A time that runs out is no end: errno would say EAGAIN.
  errno = 0;
  return received_.empty() && !fill() && errno != EAGAIN;
}

std::string RawClient::peer_certificate() const {
  const BioPtr der(BIO_new(BIO_s_mem()));
  i2d_X509_bio(der.get(), SSL_get0_peer_certificate(ssl_.get()));
  return contents(der.get());
}

bool RawClient::receive_continue() {
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (!fill_to("\r\n\r\n") || !received_.starts_with(kContinue)) {
    return false;
  }
  received_.erase(0, kContinue.size());
  return true;
}

}  // namespace signet::test
