#include "signer/kube/namespace_watcher.h"

#include <memory>
#include <utility>

namespace signet {
namespace {

// Kubernetes bounds an object, and not its labels: a few namespaces with a megabyte of them each would be all of our
// memory. Nobody has as many who means them.
constexpr std::size_t kMaxLabelBytes = std::size_t{16} << 10;

std::string name_of(JsonView object) { return std::string(object.at("metadata", "name").as_string().value_or("")); }

}  // namespace

NamespaceWatcher::NamespaceWatcher(KubeApi& api, NamespaceStore& store, WatchPacing pacing,
                                   std::function<void(const std::string& message)> on_problem)
    : api_(api),
      store_(store),
      on_problem_(std::move(on_problem)),
      list_watch_(namespaces(), std::move(pacing)),
      thread_([this](const std::stop_token& stop) { list_watch_.run(stop); }) {}

void NamespaceWatcher::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

ListWatch::Collection NamespaceWatcher::namespaces() {
  return {.name = "Namespaces",
          .list = [this](const std::stop_token& stop) { return list(stop); },
          .watch =
              [this](const WatchRequest& request, const auto& on_event, const std::stop_token& stop) {
                return api_.watch_namespaces(request, {.wants_line = {}, .on_event = on_event}, stop);
              },
          .on_event = [this](WatchEventType type, JsonView object) { take(type, object); },
          .on_problem =
              [this](const std::string& message) {
                on_problem_(is_synced_ ? message + "; what was known last stays" : message);
              }};
}

KubeResult<std::string> NamespaceWatcher::list(const std::stop_token& stop) {
  NamespaceStore::ByName listed;
  const auto visit = [&](JsonView object) {
    if (auto ns = read(object)) listed[ns->name] = std::make_shared<const Labels>(std::move(ns->labels));
  };
  auto version = api_.list_namespaces(visit, stop);
  if (version) {
    store_.replace(std::move(listed));
    is_synced_ = true;
  }
  return version;
}

void NamespaceWatcher::take(WatchEventType type, JsonView object) {
  if (type != WatchEventType::kDeleted) {
    if (auto ns = read(object)) return store_.put(ns->name, std::move(ns->labels));
  }
  store_.erase(name_of(object));
}

std::optional<Namespace> NamespaceWatcher::read(JsonView object) const {
  auto ns = Namespace::decode(object);
  if (ns) {
    std::size_t bytes = 0;
    for (const auto& [key, value] : ns->labels) bytes += key.size() + value.size();
    if (bytes <= kMaxLabelBytes) return std::move(*ns);
    ns = tl::unexpected("metadata.labels: more than " + std::to_string(kMaxLabelBytes) + " bytes");
  }
  on_problem_("Namespace " + name_of(object) + " is left out: " + ns.error());
  return std::nullopt;
}

}  // namespace signet
