#include "signer/audit/issuance_log.h"

#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "test/unit/audit/scratch.h"

using namespace signet;
using test::count_of;
using test::FullDisk;
using test::issued;
using test::read_file;
using test::verify_text;
using test::write_file;

namespace {

std::unique_ptr<IssuanceLog> open_log(const std::string& path) {
  auto log = IssuanceLog::open(path, test::fixed_clock());
  INFO((log ? "" : log.error()));
  REQUIRE(log);
  return std::move(*log);
}

// What a log tells of itself.
class Changes {
 public:
  IssuanceLog::OnChange told() {
    return [this](const std::string& problem) {
      const std::lock_guard lock(mutex_);
      problems_.push_back(problem);
      changed_.notify_all();
    };
  }
  std::vector<std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return problems_.size() >= count; });
    return problems_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> problems_;
};

}  // namespace

TEST_CASE("a new log is the owner's alone and begins with start") {
  const test::Scratch scratch;
  const std::string path = scratch.file("issuance.jsonl");
  REQUIRE(open_log(path)->append(issued("a")));
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  const std::string text = read_file(path);
  CHECK(text.find(R"("seq":1,"event":"start")") != std::string::npos);
  CHECK(text.find(R"("seq":2,"event":"issued")") != std::string::npos);
  CHECK(verify_text(text)->lines == 2);
}

TEST_CASE("a log that is opened again goes on with its chain") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  for (const char* const name : {"a", "b", "c"}) REQUIRE(open_log(path)->append(issued(name)));
  const auto verified = verify_text(read_file(path));
  REQUIRE(verified);
  CHECK(verified->lines == 4);
  CHECK(verified->chains == 1);
}

TEST_CASE("wherever a crash cuts the last line, the log goes on, marks the place and loses nothing") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  {
    const auto log = open_log(path);
    REQUIRE(log->append(issued("a")));
    REQUIRE(log->append(issued("b")));
  }
  const std::string whole = read_file(path);
  const std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t length = last_line; length <= whole.size(); ++length) {
    INFO("cut to " << length << ", the last line begins at " << last_line);
    write_file(path, whole.substr(0, length));
    REQUIRE(open_log(path)->append(issued("c")));
    const std::string text = read_file(path);
    CHECK(text.substr(0, length) == whole.substr(0, length));
    const auto verified = verify_text(text);
    REQUIRE(verified);
    const bool torn = length > last_line && length < whole.size() - 1;
    CHECK(verified->torn == (torn ? 1 : 0));
    // start, a, c; b where it was whole; a start behind what was torn.
    CHECK(verified->lines == (length == last_line ? 3U : 4U));
    CHECK(verified->chains == 1);
  }
}

TEST_CASE("a crash in a log's very first line, or in the line that marks one, is marked as well") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  static_cast<void>(open_log(path));
  const std::string first = read_file(path);
  for (std::size_t length = 0; length < first.size(); ++length) {
    INFO("cut to " << length);
    write_file(path, first.substr(0, length));
    static_cast<void>(open_log(path));
    const std::string marked = read_file(path);
    CHECK(verify_text(marked));
    // A second crash while the first is being marked.
    write_file(path, marked.substr(0, length + (marked.size() - length) / 2));
    REQUIRE(open_log(path)->append(issued("a")));
    CHECK(verify_text(read_file(path)));
  }
}

TEST_CASE("zeros behind the last line, as some file systems leave them, are marked like a torn line") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  static_cast<void>(open_log(path));
  write_file(path, read_file(path) + std::string(5000, '\0'));
  REQUIRE(open_log(path)->append(issued("a")));
  CHECK(verify_text(read_file(path))->torn == 1);
}

TEST_CASE("what cannot be a log is refused with the path and the reason and is left as it was") {
  struct Row {
    const char* message;
    std::function<void(const std::string& path)> make;
  };
  const Row row = GENERATE(values<Row>({
      {"is a directory, not a file", [](const auto& path) { std::filesystem::create_directory(path); }},
      {"is a FIFO, not a file", [](const auto& path) { ::mkfifo(path.c_str(), 0600); }},
      {"is a device, not a file", [](const auto& path) { std::filesystem::create_symlink("/dev/null", path); }},
      {"Too many levels of symbolic links", [](const auto& path) { std::filesystem::create_symlink("it", path); }},
      {"holds no audit log; nothing was written to it", [](const auto& path) { write_file(path, "root:x:0:0\nno\n"); }},
      {"holds no audit log; nothing was written to it", [](const auto& path) { write_file(path, "{\n\"a\": 1\n}\n"); }},
      {"holds no audit log; nothing was written to it",
       [](const auto& path) { write_file(path, "{\"time\":\"x\"}\n" + std::string(3'000'000, 'x')); }},
  }));
  const test::Scratch scratch;
  const std::string path = scratch.file("it");
  row.make(path);
  std::error_code none;
  const bool is_file = std::filesystem::is_regular_file(path, none);
  const std::string before = is_file ? read_file(path) : "";
  const auto log = IssuanceLog::open(path, test::fixed_clock());
  REQUIRE_FALSE(log);
  CHECK(log.error() == path + ": " + row.message);
  if (is_file) CHECK(read_file(path) == before);
}

TEST_CASE("a log in a folder that is not there is refused, and so is a name that is none") {
  const test::Scratch scratch;
  CHECK(IssuanceLog::open(scratch.file("no/log"), test::fixed_clock()).error() ==
        scratch.file("no/log") + ": No such file or directory");
  CHECK_FALSE(IssuanceLog::open("", test::fixed_clock()));
  CHECK_FALSE(IssuanceLog::open(std::string("a\0b", 3), test::fixed_clock()));
}

TEST_CASE("two writers never share a log") {
  const test::Scratch scratch;
  auto first = open_log(scratch.file("log"));
  const auto second = IssuanceLog::open(scratch.file("log"), test::fixed_clock());
  REQUIRE_FALSE(second);
  CHECK(second.error() == scratch.file("log") + ": another process writes this audit log");
  first.reset();
  static_cast<void>(open_log(scratch.file("log")));
}

TEST_CASE("a full disk refuses records, whole, and the log goes on by itself when there is room again") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  auto log = open_log(path);
  REQUIRE(log->append(issued("a")));
  const std::string before = read_file(path);
  {
    const FullDisk full(before.size() + 100);
    for (const char* const name : {"b", "c"}) {
      const auto refused = log->append(issued(name));
      REQUIRE_FALSE(refused);
      CHECK(refused.error() == path + ": cannot write: File too large");
      CHECK(read_file(path) == before);
    }
  }
  REQUIRE(log->append(issued("d")));
  const std::string after = read_file(path);
  CHECK(verify_text(after)->lines == 3);
  CHECK(after.find(R"("name":"b")") == std::string::npos);
}

TEST_CASE("what has happened already is kept while the disk is full and stands before what comes after") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  auto log = open_log(path);
  {
    const FullDisk full(std::filesystem::file_size(path));
    log->append_eventually(issued("first"));
    log->append_eventually(issued("second"));
    CHECK_FALSE(log->append(issued("never")));
  }
  REQUIRE(log->append(issued("third")));
  const std::string text = read_file(path);
  CHECK(verify_text(text)->lines == 4);
  CHECK(text.find("\"first\"") < text.find("\"second\""));
  CHECK(text.find("\"second\"") < text.find("\"third\""));
  CHECK(text.find("\"never\"") == std::string::npos);
}

TEST_CASE("a log that could not be written finds by itself that it can, tells so once, and writes what was kept") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  Changes changes;
  auto log = std::move(*IssuanceLog::open(path, test::fixed_clock(), changes.told()));
  REQUIRE(log->append(issued("a")));
  CHECK(log->problem().empty());
  {
    const FullDisk full(std::filesystem::file_size(path) + 100);
    log->append_eventually(issued("kept"));
    CHECK_FALSE(log->append(issued("b")));
    CHECK(log->problem() == path + ": cannot write: File too large");
  }
  CHECK(changes.wait_for(2) == std::vector<std::string>{path + ": cannot write: File too large", ""});
  CHECK(log->problem().empty());
  log.reset();
  const std::string text = read_file(path);
  CHECK(verify_text(text)->lines == 3);
  CHECK(verify_text(text)->torn == 0);
  CHECK(count_of(text, "\"kept\"") == 1);
}

TEST_CASE("a line that finds the last room on a disk does not tell that there is more") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  Changes changes;
  const auto log = std::move(*IssuanceLog::open(path, test::fixed_clock(), changes.told()));
  const FullDisk full(std::filesystem::file_size(path) + 1000);
  AuditRecord longer = issued("a");
  longer.message = std::string(1000, 'x');
  CHECK_FALSE(log->append(longer));
  REQUIRE(log->append(issued("b")));
  CHECK(log->problem() == path + ": cannot write: File too large");
  CHECK(changes.wait_for(1).size() == 1);
}

TEST_CASE("a log that somebody else removed or cut refuses records until it was opened again under its name") {
  struct Row {
    const char* error;
    std::function<void(const std::string& path)> harm;
  };
  const Row row = GENERATE(values<Row>({
      {"was removed by somebody else", [](const auto& path) { std::filesystem::remove(path); }},
      {"was made shorter by somebody else", [](const auto& path) { std::filesystem::resize_file(path, 0); }},
      {"was made shorter by somebody else",
       [](const auto& path) {
         const std::string text = read_file(path);
         std::filesystem::resize_file(path, text.find('\n') + 1);
       }},
  }));
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  Changes changes;
  const auto log = std::move(*IssuanceLog::open(path, test::fixed_clock(), changes.told()));
  REQUIRE(log->append(issued("a")));
  row.harm(path);
  const auto refused = log->append(issued("b"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == path + ": " + row.error);
  CHECK(changes.wait_for(2).back().empty());
  REQUIRE(log->append(issued("c")));
  const std::string text = read_file(path);
  CHECK(verify_text(text)->lines == 2);
  CHECK(count_of(text, "\"c\"") == 1);
}

TEST_CASE("a log for which there is no room yet is waited for") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  Changes changes;
  std::unique_ptr<IssuanceLog> log;
  {
    const FullDisk full(0);
    log = std::move(*IssuanceLog::open(path, test::fixed_clock(), changes.told()));
    CHECK(log->problem() == path + ": cannot write: File too large");
    CHECK(log->append(issued("a")).error() == log->problem());
    log->append_eventually(issued("kept"));
  }
  CHECK(changes.wait_for(2).back().empty());
  REQUIRE(log->append(issued("b")));
  const std::string text = read_file(path);
  CHECK(verify_text(text)->lines == 3);
  CHECK(count_of(text, "\"kept\"") == 1);
}

TEST_CASE("what a probe leaves when it is killed is marked like a torn line") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  REQUIRE(open_log(path)->append(issued("a")));
  write_file(path, read_file(path) + std::string(std::size_t{64} << 10U, ' '));
  REQUIRE(open_log(path)->append(issued("b")));
  CHECK(verify_text(read_file(path))->torn == 1);
}

TEST_CASE("what was kept is written when the log is closed") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  auto log = open_log(path);
  {
    const FullDisk full(std::filesystem::file_size(path));
    log->append_eventually(issued("kept"));
  }
  log.reset();
  CHECK(verify_text(read_file(path))->lines == 2);
}

TEST_CASE("many threads append whole lines that all hold in one chain") {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  {
    const auto log = open_log(path);
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&log, &failures, t] {
        for (int i = 0; i < kEach; ++i) {
          const AuditRecord record = issued(std::to_string(t) + "-" + std::to_string(i));
          if (i % 5 == 0) {
            log->append_eventually(record);
          } else if (!log->append(record)) {
            ++failures;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(failures == 0);
  }
  const std::string text = read_file(path);
  const auto verified = verify_text(text);
  REQUIRE(verified);
  CHECK(verified->lines == 1 + kThreads * kEach);
  CHECK(count_of(text, R"("name":"3-199")") == 1);
}

TEST_CASE("when append returns, the record can be read") {
  const test::Scratch scratch;
  const std::string path = scratch.file("log");
  const auto log = open_log(path);
  for (int i = 0; i < 20; ++i) {
    const std::string name = "csr-" + std::to_string(i);
    REQUIRE(log->append(issued(name)));
    CHECK(count_of(read_file(path), "\"" + name + "\"") == 1);
  }
}

TEST_CASE("standard output begins a chain anew each time") {
  const test::Scratch scratch;
  const std::string path = scratch.file("out");
  {
    const test::StandardOutputTo out(path);
    for (const char* const name : {"a", "b"}) REQUIRE(open_log("-")->append(issued(name)));
  }
  const auto verified = verify_text(read_file(path));
  REQUIRE(verified);
  CHECK(verified->chains == 2);
  CHECK(verified->lines == 4);
}

TEST_CASE("standard output that takes nothing is an error at the start") {
  const test::StandardOutputTo full("/dev/full");
  const auto log = IssuanceLog::open("-", test::fixed_clock());
  REQUIRE_FALSE(log);
  CHECK(log.error() == "standard output: cannot write: No space left on device");
}

TEST_CASE("wherever standard output stopped taking bytes, the chain goes on and marks the place") {
  const test::Scratch scratch;
  for (rlim_t room = 0; room < 400; room += 7) {
    INFO(room << " bytes of room");
    const std::string path = scratch.file("out-" + std::to_string(room));
    bool stands = false;
    {
      const test::StandardOutputTo out(path);
      const auto log = open_log("-");
      {
        const FullDisk full(std::filesystem::file_size(path) + room);
        stands = log->append(issued("a")).has_value();
        static_cast<void>(log->append(issued("b")));
        log->append_eventually(issued("kept"));
      }
      {
        const FullDisk full(std::filesystem::file_size(path) + 50);
        CHECK_FALSE(log->append(issued("c")));
      }
      REQUIRE(log->append(issued("d")));
    }
    const std::string text = read_file(path);
    const auto verified = verify_text(text);
    REQUIRE(verified);
    std::istringstream in(text);
    std::set<std::string> whole;
    for (std::string line; std::getline(in, line);) {
      if (!read_line(line)) continue;
      for (const char* const name : {"a", "kept", "d"}) {
        if (line.find("\"name\":\"" + std::string(name) + "\"") != std::string::npos) whole.insert(name);
      }
    }
    CHECK(whole == (stands ? std::set<std::string>{"a", "kept", "d"} : std::set<std::string>{"kept", "d"}));
  }
}
