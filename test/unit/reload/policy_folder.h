#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace signet::test {

/// A folder with a policy file, gone at the end.
class PolicyFolder {
 public:
  PolicyFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "signet-reload-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~PolicyFolder() { std::filesystem::remove_all(path_); }
  PolicyFolder(const PolicyFolder&) = delete;
  PolicyFolder& operator=(const PolicyFolder&) = delete;

  [[nodiscard]] std::filesystem::path at(const std::string& name) const { return path_ / name; }
  [[nodiscard]] std::string policy() const { return at("policy.yaml"); }

  /// In place, as an editor or a shell does.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name), std::ios::binary) << text;
  }
  /// Under its name at once.
  void replace(const std::string& name, const std::string& text) const {
    write("." + name, text);
    std::filesystem::rename(at("." + name), at(name));
  }
  /// As the kubelet lays out and changes a ConfigMap's folder: the file leads through ..data, which is swapped.
  void mount(const std::string& generation, const std::string& text) const {
    std::filesystem::create_directory(at(generation));
    write(generation + "/policy.yaml", text);
    std::filesystem::create_symlink(generation, at("..data_tmp"));
    std::filesystem::rename(at("..data_tmp"), at("..data"));
    if (!std::filesystem::is_symlink(at("policy.yaml"))) {
      std::filesystem::create_symlink("..data/policy.yaml", at("policy.yaml"));
    }
  }

 private:
  std::filesystem::path path_;
};

}  // namespace signet::test
