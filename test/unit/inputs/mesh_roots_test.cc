#include "tools/signet/inputs/mesh_roots.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

using namespace signet;

namespace {

std::string pem_of(const std::string& signer) {
  std::ifstream file(SIGNET_TESTDATA "/../golden/istio/cas/" + signer + "/tls.crt");
  return {std::istreambuf_iterator<char>(file), {}};
}

Certificate root_of(const std::string& signer) {
  auto certificates = read_certificates(pem_of(signer));
  REQUIRE(certificates);
  return std::move(certificates->front());
}

std::string indented(const std::string& text, const std::string& indent) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin) + 1;
    out += indent + text.substr(begin, end - begin);
    begin = end;
  }
  return out;
}

std::string entry(const std::string& signers, const std::string& pem) {
  return "- certSigners: [" + signers + "]\n  pem: |\n" + indented(pem, "    ");
}

}  // namespace

TEST_CASE("a root is carried for the signers that its entry names, alone or among others") {
  const std::string both = "defaultConfig: {}\ncaCertificates:\n" + entry("x/foo", pem_of("bar") + pem_of("foo")) +
                           entry("x/bar, x/baz", pem_of("bar"));
  const std::string config_map =
      "apiVersion: v1\nkind: ConfigMap\ndata:\n  meshNetworks: 'networks: {}'\n  mesh: |-\n" + indented(both, "    ");
  for (const std::string& text : {both, config_map}) {
    const auto roots = MeshRoots::parse(text, "mesh.yaml");
    REQUIRE(roots);
    CHECK(roots->carry("x/foo", root_of("foo")));
    CHECK(roots->carry("x/foo", root_of("bar")));
    CHECK(roots->carry("x/bar", root_of("bar")));
    CHECK(roots->carry("x/baz", root_of("bar")));
    CHECK_FALSE(roots->carry("x/bar", root_of("foo")));
    CHECK_FALSE(roots->carry("foo", root_of("foo")));
  }
}

TEST_CASE("an entry for no signer, or one by a URL, carries nothing") {
  const auto roots = MeshRoots::parse(
      "caCertificates:\n- pem: nonsense\n- certSigners: [x/foo]\n  spiffeBundleUrl: https://example.com\n",
      "mesh.yaml");
  REQUIRE(roots);
  CHECK_FALSE(roots->carry("x/foo", root_of("foo")));
}

TEST_CASE("what is no mesh's configuration is told with its place") {
  struct Row {
    const char* name;
    std::string text;
    std::string problem;
  };
  const Row rows[] = {
      {"no YAML", "a: [", "m:1:"},
      {"nothing", "", "m:0:0: no MeshConfig with caCertificates"},
      {"another map", "a: b\n", "m:1:1: no MeshConfig with caCertificates"},
      {"another ConfigMap", "kind: ConfigMap\ndata: {a: b}\n", "m:1:1: a ConfigMap without data.mesh is none"},
      {"a ConfigMap with no YAML", "kind: ConfigMap\ndata: {mesh: 'a: ['}\n", "m: data.mesh:1:"},
      {"a root that is none", "caCertificates:\n- {certSigners: [x/foo], pem: nonsense}\n", "m:2:31: pem: "},
      {"a signer in two entries", "caCertificates:\n" + entry("x/foo", pem_of("foo")) + entry("x/foo", pem_of("bar")),
       "m:"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const auto roots = MeshRoots::parse(row.text, "m");
    REQUIRE_FALSE(roots);
    INFO(roots.error().front());
    CHECK(roots.error().size() == 1);
    CHECK(roots.error().front().starts_with(row.problem));
  }
}
