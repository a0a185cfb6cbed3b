// A kubeconfig is refused with its place, or leads to one server over TLS as somebody. What is read of a server's URL
// is all of it: written again it is read alike. The same of a bare URL.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "signer/kube/kubeconfig.h"
#include "test/fuzz/expect.h"

namespace {

using namespace signet;
using fuzz::expect;

// A file that is nowhere: nothing that a kubeconfig names lies beside it.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : descriptor_(::memfd_create("kubeconfig", MFD_CLOEXEC)) {
    expect(descriptor_ >= 0 && ::write(descriptor_, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
           "a file in memory can be written");
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void check_server(const ClusterAccess& access) {
  expect(!access.host.empty() && access.host.find_first_of("/@?#[]% \t\r\n") == std::string::npos, "a host is one");
  expect(access.port >= 1 && access.port <= 65535, "a port is one");
  expect(access.path_prefix.empty() || (access.path_prefix.front() == '/' && access.path_prefix.back() != '/'),
         "a path begins with a slash and ends in none");
  const auto is_visible = [](char c) { return c > ' ' && c < '\x7f'; };
  expect(std::ranges::all_of(access.path_prefix, is_visible), "a path can stand in a request line");
  const std::string host = access.host.find(':') == std::string::npos ? access.host : "[" + access.host + "]";
  const auto again = parse_server_url("https://" + host + ":" + std::to_string(access.port) + access.path_prefix);
  expect(again && again->host == access.host && again->port == access.port && again->path_prefix == access.path_prefix,
         "a server that is written as it was read is read alike");
}

void check_access(const ClusterAccess& access) {
  check_server(access);
  expect(!access.ca_pem.empty(), "there is a CA that the server must lead to");
  expect(access.client_certificate_pem.empty() == access.client_key_pem.empty(), "a certificate has its key");
  expect(!access.client_key_pem.empty() || !access.token.empty() || !access.token_file.empty(), "we are somebody");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto server = parse_server_url(text)) {
    check_server(*server);
  }
  const MemoryFile file(text);
  const auto access = load_kubeconfig(file.path());
  if (access) {
    check_access(*access);
  } else {
    expect(access.error().starts_with(file.path() + ":"), "a refusal says of which file it is");
  }
  return 0;
}
