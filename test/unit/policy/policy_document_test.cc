#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "policy/policy_language.h"

namespace signet {
namespace {

using Keys = std::map<std::string, bool>;  // whether each is required

// The tables of policy/LANGUAGE.md, by the paths that the heading above each names.
std::map<std::string, Keys> documented_keys() {
  std::ifstream file(SIGNET_TESTDATA "/../../policy/LANGUAGE.md");
  REQUIRE(file);
  static const std::regex kPath("`([^`]+)`");
  static const std::regex kRow(R"(^\| `(\w+)` \| (yes)? ?\| \S.*\|$)");
  std::map<std::string, Keys> documented;
  std::vector<std::string> paths;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) {
      paths.clear();
      if (line == "## the file") {
        paths.emplace_back();
      }
      for (std::sregex_iterator path(line.begin(), line.end(), kPath); path != std::sregex_iterator(); ++path) {
        paths.push_back(path->str(1));
      }
      continue;
    }
    std::smatch row;
    if (std::regex_match(line, row, kRow)) {
      for (const std::string& path : paths) {
        const bool added = documented[path].emplace(row.str(1), row[2].matched).second;
        CAPTURE(path, line);
        CHECK(added);
      }
    }
  }
  documented.erase("signet policy test");  // of test files
  return documented;
}

TEST_CASE("The language's document has every key in its place, with the same ones required, and no other") {
  std::map<std::string, Keys> known;
  for (const PolicyMap& map : kPolicyMaps) {
    for (const PolicyKey& key : map.keys) {
      known[std::string(map.path)][std::string(key.name)] = key.required;
    }
  }
  CHECK(documented_keys() == known);
}

}  // namespace
}  // namespace signet
