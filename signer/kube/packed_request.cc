#include "signer/kube/packed_request.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace signet {
namespace {

// The fields in their order, for whoever writes or reads them. Identity comes first: is_of() reads no further.
template <typename Archive>
void identity_of(Archive& archive, CertificateSigningRequest& csr) {
  archive.text(csr.uid);
  archive.text(csr.resource_version);
}

template <typename Archive>
void rest_of(Archive& archive, CertificateSigningRequest& csr) {
  archive.text(csr.name);
  archive.text(csr.generate_name);
  archive.map(csr.annotations, [&](std::string& value) { archive.text(value); });
  archive.map(csr.labels, [&](std::string& value) { archive.text(value); });
  archive.text(csr.spec.request);
  archive.text(csr.spec.signer_name);
  archive.texts(csr.spec.usages);
  archive.number(csr.spec.expiration_seconds);
  archive.text(csr.spec.username);
  archive.text(csr.spec.uid);
  archive.texts(csr.spec.groups);
  archive.map(csr.spec.extra, [&](std::vector<std::string>& values) { archive.texts(values); });
  archive.list(csr.status.conditions, [&](CsrCondition& condition) {
    for (std::string* text : {&condition.type, &condition.status, &condition.reason, &condition.message,
                              &condition.last_update_time, &condition.last_transition_time}) {
      archive.text(*text);
    }
  });
  archive.text(csr.status.certificate);
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void size(std::size_t value) {
    const auto fixed = static_cast<std::uint32_t>(value);
    out_.append(reinterpret_cast<const char*>(&fixed), sizeof fixed);
  }
  void text(std::string& value) {
    size(value.size());
    out_ += value;
  }
  void number(std::optional<std::int32_t>& value) {
    out_ += value ? '\1' : '\0';
    size(static_cast<std::uint32_t>(value.value_or(0)));
  }
  template <typename T, typename Each>
  void list(std::vector<T>& values, const Each& each) {
    size(values.size());
    for (T& value : values) each(value);
  }
  void texts(std::vector<std::string>& values) {
    list(values, [this](std::string& value) { text(value); });
  }
  template <typename Map, typename Each>
  void map(Map& values, const Each& each) {
    size(values.size());
    for (auto& [key, value] : values) {
      std::string copy = key;
      text(copy);
      each(value);
    }
  }

 private:
  std::string& out_;
};

// Of what a Writer wrote.
class Reader {
 public:
  explicit Reader(std::string_view in) : rest_(in) {}

  std::size_t size() {
    std::uint32_t fixed = 0;
    std::memcpy(&fixed, take(sizeof fixed).data(), sizeof fixed);
    return fixed;
  }
  void text(std::string& value) { value = take(size()); }
  void number(std::optional<std::int32_t>& value) {
    const bool is_there = take(1) != std::string_view("\0", 1);
    const auto number = static_cast<std::int32_t>(size());
    value = is_there ? std::optional(number) : std::nullopt;
  }
  template <typename T, typename Each>
  void list(std::vector<T>& values, const Each& each) {
    values.resize(size());
    for (T& value : values) each(value);
  }
  void texts(std::vector<std::string>& values) {
    list(values, [this](std::string& value) { text(value); });
  }
  template <typename Map, typename Each>
  void map(Map& values, const Each& each) {
    for (std::size_t left = size(); left > 0; --left) {
      std::string key;
      text(key);
      each(values[std::move(key)]);
    }
  }

 private:
  std::string_view take(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
};

}  // namespace

PackedRequest::PackedRequest(const CertificateSigningRequest& csr) {
  Writer writer(bytes_);
  // The fields are named once, for reading and writing; a Writer changes none.
  auto& fields = const_cast<CertificateSigningRequest&>(csr);
  identity_of(writer, fields);
  rest_of(writer, fields);
  bytes_.shrink_to_fit();
}

CertificateSigningRequest PackedRequest::unpack() const {
  CertificateSigningRequest csr;
  Reader reader(bytes_);
  identity_of(reader, csr);
  rest_of(reader, csr);
  return csr;
}

bool PackedRequest::is_of(const CertificateSigningRequest& csr) const {
  CertificateSigningRequest own;
  Reader reader(bytes_);
  identity_of(reader, own);
  return own.uid == csr.uid && own.resource_version == csr.resource_version;
}

}  // namespace signet
