#include "signer/kube/identity_source.h"

#include "signer/kube/bounded_file.h"
#include "signer/kube/wipe_secret.h"

namespace signet {

tl::expected<std::unique_ptr<IdentitySource>, std::string> IdentitySource::create(ClusterAccess access) {
  auto identity = make_client_identity(access);
  if (!identity) return tl::unexpected(identity.error());
  return std::make_unique<IdentitySource>(std::move(access), *std::move(identity));
}

std::vector<FileStamp> IdentitySource::look() const {
  std::vector<FileStamp> stamps;
  for (const std::string* file : {&access_.ca_file, &access_.client_certificate_file, &access_.client_key_file}) {
    if (!file->empty()) stamps.push_back(FileStamp::of(*file));
  }
  return stamps;
}

tl::expected<void, std::string> IdentitySource::read() {
  ClusterAccess next = access_;
  const std::pair<const std::string*, std::string*> files[] = {
      {&access_.ca_file, &next.ca_pem},
      {&access_.client_certificate_file, &next.client_certificate_pem},
      {&access_.client_key_file, &next.client_key_pem}};
  for (const auto& [file, pem] : files) {
    if (file->empty()) continue;
    auto text = read_bounded_file(*file, kMaxAccessFileBytes);
    if (!text) return tl::unexpected(text.error());
    *pem = *std::move(text);
  }
  auto identity = make_client_identity(next);
  wipe_secret(next.client_key_pem);
  if (!identity) return tl::unexpected(identity.error());
  identity_ = *std::move(identity);
  return {};
}

IdentitySource::Current IdentitySource::current() {
  const std::lock_guard lock(mutex_);
  // One that changes while it is read differs from its stamp the next time.
  std::vector<FileStamp> now = look();
  if (now == taken_) return {identity_, {}};
  if (const auto done = read(); !done) return {identity_, done.error()};
  taken_ = std::move(now);
  return {identity_, {}};
}

}  // namespace signet
