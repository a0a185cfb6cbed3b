#include "test/unit/issue/issue_fixture.h"

#include <openssl/pem.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "policy/policy_loader.h"
#include "signer/csr/signing_request_of.h"

namespace signet::test {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

const Policy& fixture_policy() {
  static const Policy policy = [] {
    auto model = load_policy(text_of(SIGNET_TESTDATA "/policy.yaml"), "policy.yaml");
    REQUIRE(model);
    return Policy(std::move(*model), "digest-of-the-policy");
  }();
  return policy;
}

CertificateSigningRequest fixture_request(const std::string& name, bool approved) {
  const auto document = JsonDocument::parse(text_of(SIGNET_TESTDATA "/reviews/" + name + ".json"));
  REQUIRE(document);
  auto csr = CertificateSigningRequest::decode(document->root().at("request", "object"));
  REQUIRE(csr);
  const JsonView user = document->root().at("request", "userInfo");
  csr->name = name;
  csr->uid = "uid-of-" + name;
  csr->resource_version = "10";
  csr->spec.username = user.get("username").as_string().value();
  csr->spec.groups.clear();
  for (const JsonView group : user.get("groups").elements()) csr->spec.groups.emplace_back(group.as_string().value());
  if (approved) csr->status.conditions.push_back({"Approved", "True", "ByTest", "said so", "", ""});
  return *csr;
}

Grant grant_for(const CertificateSigningRequest& csr) {
  Decision decision = fixture_policy().evaluate(signing_request_of(csr), KnownNamespaces());
  INFO(to_message(decision.findings));
  REQUIRE(decision.grant);
  return std::move(*decision.grant);
}

std::string private_pem(const EVP_PKEY& key) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  REQUIRE(PEM_write_bio_PKCS8PrivateKey(out.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

CaFolder::CaFolder(const std::vector<std::string>& signers) {
  std::string path = (std::filesystem::temp_directory_path() / "signet-issue-XXXXXX").string();
  path_ = ::mkdtemp(path.data());
  for (const std::string& signer : signers) {
    const Issued root = make_certificate(ca_spec(signer + " root"), nullptr);
    write(signer, "tls.crt", root.pem());
    write(signer, "tls.key", private_pem(*root.key));
  }
}

CaFolder::~CaFolder() { std::filesystem::remove_all(path_); }

void CaFolder::write(const std::string& signer, const std::string& file, const std::string& text) const {
  std::filesystem::create_directories(path_ / signer);
  std::ofstream(path_ / signer / file, std::ios::binary) << text;
}

std::string CaFolder::read(const std::string& signer, const std::string& file) const {
  return text_of(path_ / signer / file);
}

void CaFolder::remove(const std::string& signer, const std::string& file) const {
  std::filesystem::remove(path_ / signer / file);
}

tl::expected<CaStore, CaProblems> cas_of_directory(const std::string& directory,
                                                   const std::vector<std::string>& signers,
                                                   std::chrono::sys_seconds now) {
  const CaSource source{.with_keys = true, .directory = directory, .name_space = {}};
  std::map<std::string, std::string> names;
  for (const std::string& signer : signers) names.emplace(signer, "");
  return settle_cas(source, read_cas(source, nullptr, names), {}, now).map([](const CaStates& states) {
    return CaStore(states);
  });
}

tl::expected<CaStore, CaProblems> cas_of_secrets(KubeApi& api, const std::string& name_space,
                                                 const std::map<std::string, std::string>& secret_names,
                                                 std::chrono::sys_seconds now) {
  const CaSource source{.with_keys = true, .directory = {}, .name_space = name_space};
  return settle_cas(source, read_cas(source, &api, secret_names), {}, now).map([](const CaStates& states) {
    return CaStore(states);
  });
}

const CaStore& fixture_authorities() {
  static const CaStore store = [] {
    const CaFolder folder(fixture_policy().signers());
    auto loaded = cas_of_directory(folder.path(), fixture_policy().signers(), kNow);
    REQUIRE(loaded);
    return std::move(*loaded);
  }();
  return store;
}

tl::expected<void, std::string> MemoryLog::append(const AuditRecord& record) {
  if (fails) return tl::unexpected<std::string>("the disk is full");
  records.push_back(record);
  return {};
}

void MemoryLog::append_eventually(const AuditRecord& record) { records.push_back(record); }

std::string MemoryLog::events() const {
  std::string text;
  for (const AuditRecord& record : records) {
    text += (text.empty() ? "" : " ") + std::string(to_string(record.event));
  }
  return text;
}

}  // namespace signet::test
