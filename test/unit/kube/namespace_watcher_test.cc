#include "signer/kube/namespace_watcher.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <semaphore>
#include <thread>

#include "test/unit/kube/scripted_api.h"

namespace signet {
namespace {

using namespace std::chrono_literals;
using Kind = KubeError::Kind;
using Texts = std::vector<std::string>;
constexpr auto kAdded = WatchEventType::kAdded;
constexpr auto kModified = WatchEventType::kModified;
constexpr auto kDeleted = WatchEventType::kDeleted;
constexpr auto kBookmark = WatchEventType::kBookmark;

std::string namespace_json(const std::string& name, const std::string& tenant, const std::string& version = "7") {
  return R"({"metadata":{"name":")" + name + R"(","resourceVersion":")" + version + R"(","labels":{"tenant":")" +
         tenant + R"("}}})";
}

// What a store knows of some namespaces: the tenant of each, or "-".
std::string known(const NamespaceStore& store, const std::vector<const char*>& names = {"a", "b", "c"}) {
  std::string text;
  for (const char* name : names) {
    const auto labels = store.find(name);
    text += (text.empty() ? "" : " ") + (labels == nullptr ? "-" : labels->at("tenant"));
  }
  return text;
}

// A watcher of `api`, and what it told: each problem with what the store knew at that time.
struct Watched {
  ScriptedApi api;
  NamespaceStore store;
  std::mutex mutex;
  Texts problems;

  WatchPacing pacing{.watch_timeout = 300s, .first_wait = 1ms, .longest_wait = 1ms, .random = [] { return 0.0; }};
  std::optional<NamespaceWatcher> watcher;

  // Runs the script to its end.
  void run() {
    watcher.emplace(api, store, pacing, [this](const std::string& message) {
      const std::lock_guard lock(mutex);
      problems.push_back(known(store) + " | " + message);
    });
    api.await_silent(1);
  }
};

constexpr auto kNamespaces = ScriptedApi::kNamespaces;

TEST_CASE("What is listed is known, and then what is watched from there") {
  Watched w;
  w.api.lists[kNamespaces] = {{{namespace_json("a", "1"), namespace_json("b", "2")}, "10"}};
  w.api.watches[kNamespaces] = {{{{kModified, namespace_json("a", "3", "11")},
                                  {kDeleted, namespace_json("b", "2", "12")},
                                  {kAdded, namespace_json("c", "4", "13")},
                                  {kBookmark, R"({"metadata":{"resourceVersion":"20"}})"}},
                                 {}}};
  const auto before = NamespaceWatcher::Clock::now();
  w.run();
  CHECK(w.watcher->synced());
  CHECK(known(w.store) == "3 - 4");
  CHECK(w.problems.empty());
  CHECK(w.api.calls() == Texts{"list namespaces", "watch namespaces from 10", "watch namespaces from 20"});
  CHECK(w.watcher->last_activity() >= before);
  CHECK(w.watcher->last_activity() <= NamespaceWatcher::Clock::now());
  w.watcher->stop();
  w.watcher->stop();
  CHECK(known(w.store) == "3 - 4");
}

TEST_CASE("A namespace without labels is known to have none") {
  Watched w;
  w.api.lists[kNamespaces] = {{{R"({"metadata":{"name":"a"}})"}, "10"}};
  w.run();
  REQUIRE(w.store.find("a") != nullptr);
  CHECK(w.store.find("a")->empty());
}

TEST_CASE("Nothing is known until the first list is complete") {
  Watched w;
  const std::string unreadable = R"({"metadata":{"name":"b","labels":7}})";
  w.api.lists[kNamespaces] = {{{namespace_json("a", "1"), unreadable}, injected(Kind::kGone)},
                              {{namespace_json("c", "1"), unreadable}, "3"}};
  w.run();
  CHECK(w.problems == Texts{"- - - | Namespace b is left out: metadata.labels: must be an object",
                            "- - - | list of Namespaces: injected",
                            "- - - | Namespace b is left out: metadata.labels: must be an object"});
  CHECK(w.watcher->synced());
  CHECK(known(w.store) == "- - 1");
}

TEST_CASE("A watcher is not synced while its first list fails, and can be stopped then") {
  ScriptedApi api;
  api.lists[kNamespaces] = {{{namespace_json("a", "1")}, injected(Kind::kServer)}};
  NamespaceStore store;
  std::binary_semaphore failed(0);
  NamespaceWatcher watcher(api, store,
                           {.watch_timeout = 300s, .first_wait = 1h, .longest_wait = 1h, .random = [] { return 0.0; }},
                           [&failed](const std::string&) { failed.release(); });
  failed.acquire();
  CHECK_FALSE(watcher.synced());
  // Ends an hour's wait.
  watcher.stop();
  CHECK_FALSE(watcher.synced());
  CHECK(known(store) == "- - -");
}

TEST_CASE("A lost watch leaves what was known last, says so and goes on, or lists again and drops what is gone") {
  struct Row {
    const char* name;
    Kind kind;
    Texts calls;
    std::string known;
  };
  const Row rows[] = {
      {"transport",
       Kind::kTransport,
       {"list namespaces", "watch namespaces from 1", "watch namespaces from 5"},
       "1 2 -"},
      {"expired",
       Kind::kGone,
       {"list namespaces", "watch namespaces from 1", "list namespaces", "watch namespaces from 9"},
       "- 3 4"},
      {"forbidden",
       Kind::kForbidden,
       {"list namespaces", "watch namespaces from 1", "list namespaces", "watch namespaces from 9"},
       "- 3 4"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    Watched w;
    w.api.lists[kNamespaces] = {{{namespace_json("a", "1")}, "1"},
                                {{namespace_json("b", "3"), namespace_json("c", "4")}, "9"}};
    w.api.watches[kNamespaces] = {{{{kAdded, namespace_json("b", "2", "5")}}, injected(row.kind)}};
    w.run();
    CHECK(w.problems == Texts{"1 2 - | watch of Namespaces: injected; what was known last stays"});
    CHECK(w.api.calls() == row.calls);
    CHECK(known(w.store) == row.known);
  }
}

TEST_CASE("A list that fails after the first one leaves what was known last") {
  Watched w;
  w.api.lists[kNamespaces] = {{{namespace_json("a", "1")}, "1"},
                              {{namespace_json("b", "2")}, injected(Kind::kServer)},
                              {{namespace_json("c", "3")}, "9"}};
  w.api.watches[kNamespaces] = {{{}, injected(Kind::kGone)}};
  w.run();
  CHECK(w.problems == Texts{"1 - - | watch of Namespaces: injected; what was known last stays",
                            "1 - - | list of Namespaces: injected; what was known last stays"});
  CHECK(known(w.store) == "- - 3");
}

TEST_CASE("A namespace that cannot be read is unknown from then on, and the others are not") {
  Watched w;
  w.api.lists[kNamespaces] = {{{namespace_json("a", "1"), R"({"metadata":{"name":"b","labels":{"tenant":["x"]}}})",
                                R"({"metadata":7})", namespace_json("c", "3")},
                               "1"}};
  w.api.watches[kNamespaces] = {
      {{{kModified, R"({"metadata":{"name":"a","labels":{"tenant":null}}})"}, {kAdded, namespace_json("b", "2")}}, {}}};
  w.run();
  CHECK(w.problems == Texts{R"(- - - | Namespace b is left out: metadata.labels["tenant"]: must be a string)",
                            "- - - | Namespace  is left out: metadata: must be an object",
                            R"(1 - 3 | Namespace a is left out: metadata.labels["tenant"]: must be a string)"});
  CHECK(known(w.store) == "- 2 3");
}

TEST_CASE("A namespace with labels without measure is unknown, so that nobody fills our memory with them") {
  const auto with_value_of = [](std::size_t bytes) { return namespace_json("a", std::string(bytes, 'x')); };
  Watched w;
  w.api.lists[kNamespaces] = {{{with_value_of((16U << 10U) - 6)}, "1"}};
  w.api.watches[kNamespaces] = {{{{kModified, with_value_of((16U << 10U) - 5)}}, {}}};
  w.run();
  REQUIRE(w.problems.size() == 1);
  CHECK_THAT(w.problems.front(), Catch::EndsWith(" | Namespace a is left out: metadata.labels: more than 16384 bytes"));
  CHECK(known(w.store) == "- - -");
}

TEST_CASE("A namespace that was deleted is unknown however its last state reads") {
  Watched w;
  w.api.lists[kNamespaces] = {{{namespace_json("a", "1"), namespace_json("b", "2")}, "1"}};
  w.api.watches[kNamespaces] = {{{{kDeleted, R"({"metadata":{"name":"a","labels":7}})"}}, {}}};
  w.run();
  CHECK(known(w.store) == "- 2 -");
  CHECK(w.problems.empty());
}

TEST_CASE("Labels that were found stay as they were while the store changes under many readers") {
  NamespaceStore store;
  store.replace({{"a", std::make_shared<const Labels>(Labels{{"tenant", "0"}})}});
  const auto first = store.find("a");
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&store](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          const auto labels = store.find("a");
          if (labels != nullptr && labels->size() != 1) std::abort();
          // Readers that do nothing else would keep the writer out.
          std::this_thread::sleep_for(std::chrono::microseconds(1));
        }
      });
    }
    for (int i = 1; i <= 1000; ++i) {
      store.put("a", {{"tenant", std::to_string(i)}});
      store.erase("a");
      store.replace({{"a", std::make_shared<const Labels>(Labels{{"tenant", std::to_string(i)}})}});
    }
  }
  CHECK(first->at("tenant") == "0");
  CHECK(known(store) == "1000 - -");
}

}  // namespace
}  // namespace signet
