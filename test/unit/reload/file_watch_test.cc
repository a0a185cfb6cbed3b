#include "tools/signet/inputs/file_watch.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "test/unit/reload/policy_folder.h"

using namespace signet;
using namespace signet::test;

namespace {

constexpr std::size_t kMaxBytes = 64;

/// Longer than a tick of the kernel's clock.
void let_a_tick_pass() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

/// What looks see in the end: they go on until one of them reads.
std::string text_seen(FileWatch& watch) {
  for (int look = 0; look < 3; ++look) {
    let_a_tick_pass();
    if (const auto text = watch.look()) {
      return text->has_value() ? **text : "error: " + text->error();
    }
  }
  return "nothing new";
}

}  // namespace

TEST_CASE("whatever makes the file another is seen, and then nothing until the next time") {
  struct Row {
    std::string name;
    std::function<void(const PolicyFolder&)> change;
    std::string seen;
  };
  const std::vector<Row> rows = {
      {"nothing", [](const PolicyFolder&) {}, "nothing new"},
      {"edited", [](const PolicyFolder& folder) { folder.write("policy.yaml", "two"); }, "two"},
      {"edited to the same length and the old time",
       [](const PolicyFolder& folder) {
         const auto before = std::filesystem::last_write_time(folder.policy());
         folder.write("policy.yaml", "eno");
         std::filesystem::last_write_time(folder.policy(), before);
       },
       "eno"},
      {"replaced under its name", [](const PolicyFolder& folder) { folder.replace("policy.yaml", "two"); }, "two"},
      {"replaced by a link",
       [](const PolicyFolder& folder) {
         folder.write("other.yaml", "two");
         std::filesystem::create_symlink("other.yaml", folder.at("link"));
         std::filesystem::rename(folder.at("link"), folder.policy());
       },
       "two"},
      {"touched", [](const PolicyFolder& folder) { folder.write("policy.yaml", "one"); }, "one"},
      {"grown beyond the bound",
       [](const PolicyFolder& folder) { folder.write("policy.yaml", std::string(kMaxBytes + 1, 'x')); },
       "error: POLICY: larger than 64 bytes"},
      {"removed", [](const PolicyFolder& folder) { std::filesystem::remove(folder.policy()); },
       "error: POLICY: No such file or directory"},
      {"replaced by a folder",
       [](const PolicyFolder& folder) {
         std::filesystem::remove(folder.policy());
         std::filesystem::create_directory(folder.policy());
       },
       "error: POLICY: is a directory, not a file"},
      {"replaced by a FIFO",
       [](const PolicyFolder& folder) {
         std::filesystem::remove(folder.policy());
         REQUIRE(::mkfifo(folder.policy().c_str(), 0600) == 0);
       },
       "error: POLICY: not a regular file"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const PolicyFolder folder;
    folder.write("policy.yaml", "one");
    FileWatch watch(folder.policy(), kMaxBytes);
    CHECK(text_seen(watch) == "one");
    CHECK(text_seen(watch) == "nothing new");
    row.change(folder);
    std::string expected = row.seen;
    if (const auto at = expected.find("POLICY"); at != std::string::npos) expected.replace(at, 6, folder.policy());
    CHECK(text_seen(watch) == expected);
    // What cannot be read is tried at each look.
    CHECK(text_seen(watch) == (row.seen.starts_with("error: ") ? expected : "nothing new"));
  }
}

TEST_CASE("each swap of a ConfigMap's folder is seen, back to the one before too") {
  const PolicyFolder folder;
  folder.mount("..one", "one");
  FileWatch watch(folder.policy(), kMaxBytes);
  CHECK(text_seen(watch) == "one");
  folder.mount("..two", "two");
  CHECK(text_seen(watch) == "two");
  std::filesystem::create_symlink("..one", folder.at("..data_tmp"));
  std::filesystem::rename(folder.at("..data_tmp"), folder.at("..data"));
  CHECK(text_seen(watch) == "one");
  CHECK(text_seen(watch) == "nothing new");
}

TEST_CASE("a file that is still being written is not read until it was the same at two looks") {
  const PolicyFolder folder;
  folder.write("policy.yaml", "one");
  FileWatch watch(folder.policy(), kMaxBytes);
  CHECK(text_seen(watch) == "one");
  std::string text;
  for (int part = 0; part < 5; ++part) {
    text += "part ";
    folder.write("policy.yaml", text);
    let_a_tick_pass();
    CHECK_FALSE(watch.look());
  }
  const auto whole = watch.look();
  REQUIRE(whole);
  CHECK(whole->value() == text);
}

TEST_CASE("a file that comes back is seen") {
  const PolicyFolder folder;
  FileWatch watch(folder.policy(), kMaxBytes);
  CHECK(text_seen(watch) == "error: " + folder.policy() + ": No such file or directory");
  folder.write("policy.yaml", "one");
  CHECK(text_seen(watch) == "one");
}

TEST_CASE("a file is read at once for who asks, and once more when it was left alone") {
  const PolicyFolder folder;
  folder.write("policy.yaml", "one");
  FileWatch watch(folder.policy(), kMaxBytes);
  CHECK(watch.read() == FileWatch::Text("one"));
  CHECK(text_seen(watch) == "one");
  CHECK(watch.read() == FileWatch::Text("one"));
  CHECK(text_seen(watch) == "nothing new");
  folder.write("policy.yaml", "two");
  CHECK(watch.read() == FileWatch::Text("two"));
  folder.write("policy.yaml", "six");
  CHECK(text_seen(watch) == "six");
}
