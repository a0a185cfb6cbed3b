#include "tools/signet/reload/ca_watch.h"

#include <filesystem>
#include <utility>

#include "signer/issue/ca_files.h"
#include "signer/kube/file_stamp.h"

namespace signet {
namespace {

// The bytes of its files' stamps: thousands of them are compared with those of the last look.
std::string mark_of_folder(const std::string& folder) {
  std::string mark;
  for (const CaFile& file : kCaFiles) {
    const FileStamp stamp = FileStamp::of(folder + '/' + file.name);
    for (const auto number :
         {std::int64_t{stamp.error}, static_cast<std::int64_t>(stamp.device), static_cast<std::int64_t>(stamp.inode),
          std::int64_t{stamp.size}, stamp.modified, stamp.changed}) {
      mark.append(reinterpret_cast<const char*>(&number), sizeof(number));
    }
  }
  return mark;
}

}  // namespace

std::optional<std::string> CaWatch::mark_of(const std::string& signer, const std::string& secret_name) const {
  if (source_.name_space.empty()) {
    const std::string folder = (std::filesystem::path(source_.directory) / signer).string();
    return mark_of_folder(folder) + mark_of_folder(in_use_folder(folder));
  }
  std::string mark;
  for (const std::string& name : {secret_name, in_use_secret(secret_name)}) {
    const auto version = api_.get_secret_version(source_.name_space, name);
    if (!version && version.error().is_transient()) {
      return std::nullopt;
    }
    mark += (version ? *version : "none: " + version.error().message) + ' ';
  }
  return mark;
}

std::vector<std::string> CaWatch::look(const CaStates& cas, const std::stop_token& stop) {
  std::vector<std::string> others;
  std::erase_if(marks_, [&](const auto& marks) { return !cas.contains(marks.first); });
  for (const auto& [signer, state] : cas) {
    if (stop.stop_requested()) {
      break;
    }
    const auto mark = mark_of(signer, state.secret_name);
    if (!mark) {
      continue;
    }
    Marks& marks = marks_[signer];
    const bool is_settled = !source_.name_space.empty() || marks.seen == mark;
    marks.seen = mark;
    if (is_settled && marks.told != mark) {
      marks.told = mark;
      others.push_back(signer);
    }
  }
  return others;
}

}  // namespace signet
