#include "signer/kube/bounded_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

namespace signet {
namespace {

TEST_CASE("A regular file is read whole up to its bound, and everything else is refused with its path") {
  std::string pattern = (std::filesystem::temp_directory_path() / "signet-file-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  const std::filesystem::path folder = pattern;
  const auto make_file = [](const std::string& text) {
    return [text](const std::string& path) { std::ofstream(path, std::ios::binary) << text; };
  };
  const struct {
    const char* name;
    std::function<void(const std::string&)> make;
    std::string text;
    std::string error;
  } rows[] = {
      {"of-the-bound", make_file("12345678"), "12345678", ""},
      {"empty", make_file(""), "", ""},
      {"binary", make_file(std::string("a\0\xFF", 3)), std::string("a\0\xFF", 3), ""},
      {"link", [](const auto& path) { std::filesystem::create_symlink("of-the-bound", path); }, "12345678", ""},
      {"too-large", make_file("123456789"), "", "larger than 8 bytes"},
      {"none", [](const auto&) {}, "", "No such file or directory"},
      {"folder", [](const auto& path) { std::filesystem::create_directory(path); }, "", "is a directory, not a file"},
      {"fifo", [](const auto& path) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }, "", "not a regular file"},
      {"device", [](const auto& path) { std::filesystem::create_symlink("/dev/zero", path); }, "",
       "not a regular file"},
      {"loop", [](const auto& path) { std::filesystem::create_symlink("loop", path); }, "",
       "Too many levels of symbolic links"},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    const std::string path = folder / row.name;
    row.make(path);
    const auto read = read_bounded_file(path, 8);
    if (row.error.empty()) {
      REQUIRE(read.has_value());
      CHECK(*read == row.text);
    } else {
      REQUIRE_FALSE(read.has_value());
      CHECK(read.error() == path + ": " + row.error);
    }
  }
  CHECK_FALSE(read_bounded_file(std::string("/dev/null\0x", 11), 8).has_value());
  CHECK_FALSE(read_bounded_file("", 8).has_value());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace signet
