#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "signer/audit/audit_log.h"
#include "signer/issue/ca_store.h"
#include "signer/kube/objects.h"
#include "test/unit/trust/certificate_maker.h"

namespace signet::test {

/// The policy of the fixtures: tenants foo, bar and mesh, each with the signer it is named after (mesh: istio-system).
const Policy& fixture_policy();

/// The request in the review `name` of the fixtures, as the API server stores it; approved or not.
CertificateSigningRequest fixture_request(const std::string& name, bool approved = true);

/// What the fixtures' policy grants for `csr`.
Grant grant_for(const CertificateSigningRequest& csr);

std::string private_pem(const EVP_PKEY& key);

/// A folder with a root of its own for each signer, as --ca-dir has them; gone at the end.
class CaFolder {
 public:
  explicit CaFolder(const std::vector<std::string>& signers);
  ~CaFolder();
  CaFolder(const CaFolder&) = delete;
  CaFolder& operator=(const CaFolder&) = delete;

  [[nodiscard]] std::string path() const { return path_; }
  void write(const std::string& signer, const std::string& file, const std::string& text) const;
  [[nodiscard]] std::string read(const std::string& signer, const std::string& file) const;
  void remove(const std::string& signer, const std::string& file) const;

 private:
  std::filesystem::path path_;
};

/// The CAs of these signers, read from a folder as --ca-dir has them.
tl::expected<CaStore, CaProblems> cas_of_directory(const std::string& directory,
                                                   const std::vector<std::string>& signers,
                                                   std::chrono::sys_seconds now);
/// The same from Secrets.
tl::expected<CaStore, CaProblems> cas_of_secrets(KubeApi& api, const std::string& name_space,
                                                 const std::map<std::string, std::string>& secret_names,
                                                 std::chrono::sys_seconds now);

/// The CAs of the fixtures' signers, made once.
const CaStore& fixture_authorities();

/// Keeps what it is told, or refuses to.
class MemoryLog final : public AuditLog {
 public:
  tl::expected<void, std::string> append(const AuditRecord& record) override;
  void append_eventually(const AuditRecord& record) override;
  [[nodiscard]] std::string problem() const override { return known_problem; }

  bool fails = false;
  std::string known_problem;
  std::vector<AuditRecord> records;
  /// "issued published": the events in order.
  [[nodiscard]] std::string events() const;
};

}  // namespace signet::test
