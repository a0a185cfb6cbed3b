// The body of a watch, as whoever speaks for the API server sends it: however it arrives, the same events come of it
// and the same error ends it. An object is read or refused with its place; a request that was read is kept as it was
// read, and a patch to it says what it had. No line that is for one of our signers is dropped unread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/utf8.h"
#include "signer/kube/csr_status_patch.h"
#include "signer/kube/csr_watcher.h"
#include "signer/kube/packed_request.h"
#include "signer/kube/watch_stream.h"
#include "test/fuzz/expect.h"
#include "test/fuzz/split.h"

namespace {

using namespace signet;
using fuzz::expect;

constexpr std::string_view kSigner = "clusterissuers.cert-manager.io/foo";
// Small, so that it is met.
constexpr std::size_t kMaxLineBytes = 2048;
constexpr JsonLimits kLineLimits{.max_bytes = kMaxLineBytes, .max_depth = kMaxApiServerDepth, .relayed = true};

template <typename Object>
std::optional<Object> read(JsonView view) {
  auto object = Object::decode(view);
  if (object) {
    return *std::move(object);
  }
  expect(!object.error().empty(), "what is refused is told");
  return std::nullopt;
}

void check_patch(const CertificateSigningRequest& csr, const std::string& patch, std::size_t conditions_added) {
  const auto document = JsonDocument::parse(patch);
  expect(document.has_value() && document->root().is_array(), "a patch is JSON that anybody reads");
  for (const JsonView operation : document->root().elements()) {
    if (operation.get("path").as_string() == "/status/conditions") {
      expect(operation.get("value").size() == csr.status.conditions.size() + conditions_added,
             "a patch keeps the conditions there were");
    }
  }
}

void check_object(JsonView view) {
  static_cast<void>(read<CertificateRequest>(view));
  static_cast<void>(read<Pod>(view));
  if (const auto ns = read<Namespace>(view)) {
    expect(!ns->name.empty(), "a Namespace has a name");
  }
  if (const auto lease = read<Lease>(view)) {
    expect(!lease->name.empty() && !lease->resource_version.empty(), "a Lease has a name and a version");
  }
  if (const auto csr = read<CertificateSigningRequest>(view)) {
    const PackedRequest packed(*csr);
    expect(packed.unpack() == *csr && packed.is_of(*csr), "a request is kept as it was read");
    check_patch(*csr, failed_patch(*csr, "SignerValidationFailure", "said so"), 1);
    check_patch(*csr, certificate_patch(*csr, csr->status.certificate), 0);
  }
}

// A line that the API server may have written: without white space and needless escapes.
bool is_compact(std::string_view line) {
  const auto document = JsonDocument::parse(line, kLineLimits);
  std::string compact;
  if (document) {
    document->root().append_to(compact);
  }
  return compact == line;
}

struct Heard {
  std::string events;
  std::string error;

  friend bool operator==(const Heard&, const Heard&) = default;
};

Heard heard_of(const std::vector<std::string_view>& pieces) {
  Heard heard;
  bool may_be_dropped = false;
  const WatchHandler handler{
      .wants_line =
          [&](std::string_view line) {
            expect(line.size() <= kMaxLineBytes, "a line is bounded");
            may_be_dropped = !may_concern_signers(line, {std::string(kSigner)}) && is_compact(line);
            return true;
          },
      .on_event =
          [&](const WatchEvent& event) {
            expect(event.object.is_object(), "an event has an object");
            expect(!may_be_dropped || event.object.at("spec", "signerName").as_string() != kSigner,
                   "no line that is for one of our signers is dropped");
            heard.events += std::to_string(static_cast<int>(event.type));
            event.object.append_to(heard.events);
            expect(!find_invalid_utf8(heard.events), "what is handed on is UTF-8");
            check_object(event.object);
          }};
  WatchStream stream(handler, kMaxLineBytes);
  for (const std::string_view piece : pieces) {
    if (!stream.feed(piece)) {
      expect(stream.error() && !stream.error()->message.empty(), "a watch that is over says why");
      expect(stream.error()->kind != KubeError::Kind::kTransport, "a bad line is no lost connection");
      heard.error = std::to_string(static_cast<int>(stream.error()->kind)) + stream.error()->message;
      return heard;
    }
  }
  expect(!stream.error(), "a watch with an error is over");
  return heard;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto ways = fuzz::splits(body);
  const Heard whole = heard_of(ways[0]);
  for (const auto& way : {ways[1], ways[2]}) {
    expect(heard_of(way) == whole, "in pieces the same is heard");
  }
  // Without its line break a line was cut off, and is not taken for one.
  if (const std::size_t end = body.rfind('\n'); whole.error.empty() && end != std::string_view::npos) {
    expect(heard_of({body.substr(0, end + 1)}) == whole, "what follows the last line break is not handed on");
  }
  return 0;
}
