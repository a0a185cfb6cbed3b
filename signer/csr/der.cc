#include "signer/csr/der.h"

#include <algorithm>

namespace signet {
namespace {

// A certificate request nests about ten deep, the names in its extensions about six.
constexpr int kMaxDepth = 16;

// The longest object identifier of X.509 in use has about 12 bytes.
constexpr std::size_t kMaxOidBytes = 64;

constexpr std::uint8_t kConstructed = 0x20;
constexpr std::uint8_t kClassMask = 0xc0;
constexpr std::uint8_t kTagNumberMask = 0x1f;

constexpr std::uint8_t kBoolean = 0x01;
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kBitString = 0x03;
constexpr std::uint8_t kNull = 0x05;
constexpr std::uint8_t kObjectIdentifier = 0x06;
constexpr std::uint8_t kEnumerated = 0x0a;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kSet = 0x31;

std::uint8_t byte_at(std::string_view bytes, std::size_t index) { return static_cast<std::uint8_t>(bytes[index]); }

bool is_minimal_integer(std::string_view content) {
  if (content.size() < 2) {
    return content.size() == 1;
  }
  const bool negative = byte_at(content, 1) >= 0x80;
  return byte_at(content, 0) != (negative ? 0xff : 0x00);
}

bool is_der_bit_string(std::string_view content) {
  if (content.empty()) {
    return false;
  }
  const unsigned unused = byte_at(content, 0);
  if (unused == 0) {
    return true;
  }
  return unused < 8 && content.size() > 1 && (byte_at(content, content.size() - 1) & ((1U << unused) - 1)) == 0;
}

bool is_minimal_oid(std::string_view content) {
  if (content.empty() || content.size() > kMaxOidBytes || byte_at(content, content.size() - 1) >= 0x80) {
    return false;
  }
  bool first_of_arc = true;
  return std::ranges::all_of(content, [&first_of_arc](char c) {
    const auto octet = static_cast<std::uint8_t>(c);
    const bool padding = first_of_arc && octet == 0x80;
    first_of_arc = octet < 0x80;
    return !padding;
  });
}

// What is wrong with the contents of a primitive value of a universal type; null when nothing is.
const char* fault_in_primitive(const Tlv& value) {
  switch (value.tag) {
    case 0x00:
      return "end-of-contents is not DER";
    case kBoolean:
      return value.content.size() == 1 && (value.content[0] == 0 || byte_at(value.content, 0) == 0xff)
                 ? nullptr
                 : "a BOOLEAN is 00 or FF";
    case kInteger:
    case kEnumerated:
      return is_minimal_integer(value.content) ? nullptr : "an INTEGER is encoded in as few bytes as possible";
    case kBitString:
      return is_der_bit_string(value.content) ? nullptr : "the unused bits of a BIT STRING are at most 7, and zero";
    case kNull:
      return value.content.empty() ? nullptr : "NULL has no contents";
    case kObjectIdentifier:
      return is_minimal_oid(value.content) ? nullptr : "an OBJECT IDENTIFIER is complete, minimal and at most 64 bytes";
    case kSequence & ~kConstructed:
    case kSet & ~kConstructed:
      return "SEQUENCE and SET are constructed";
    default:
      return nullptr;
  }
}

const char* check_values(std::string_view& bytes, int depth);

// Checks the value at the front of `bytes` and takes it off; on a fault `bytes` begin about where the fault is.
const char* check_value(std::string_view& bytes, int depth) {
  std::string_view rest = bytes;
  const std::optional<Tlv> value = take_tlv(rest);
  if (!value) {
    return "not a value with a low tag number and a length that is definite, minimal and within bounds";
  }
  const bool universal = (value->tag & kClassMask) == 0;
  if ((value->tag & kConstructed) == 0) {
    const char* const fault = universal ? fault_in_primitive(*value) : nullptr;
    if (fault != nullptr) {
      return fault;
    }
  } else {
    if (universal && value->tag != kSequence && value->tag != kSet) {
      return "only SEQUENCE and SET are constructed";
    }
    if (depth > kMaxDepth) {
      return "nested too deep";
    }
    std::string_view inner = value->content;
    const char* const fault = check_values(inner, depth + 1);
    if (fault != nullptr) {
      bytes.remove_prefix(static_cast<std::size_t>(inner.data() - bytes.data()));
      return fault;
    }
  }
  bytes = rest;
  return nullptr;
}

const char* check_values(std::string_view& bytes, int depth) {
  while (!bytes.empty()) {
    const char* const fault = check_value(bytes, depth);
    if (fault != nullptr) {
      return fault;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Tlv> take_tlv(std::string_view& bytes) {
  if (bytes.size() < 2 || (byte_at(bytes, 0) & kTagNumberMask) == kTagNumberMask) {
    return std::nullopt;
  }
  std::size_t header = 2;
  std::size_t length = byte_at(bytes, 1);
  if (length >= 0x80) {
    const std::size_t octets = length & 0x7f;
    // Four octets are 4 GiB, beyond every bound of ours.
    if (octets == 0 || octets > 4 || bytes.size() < header + octets) {
      return std::nullopt;
    }
    length = 0;
    for (std::size_t i = 0; i < octets; ++i) {
      length = length << 8 | byte_at(bytes, header + i);
    }
    if (length < 0x80 || length >> (8 * (octets - 1)) == 0) {
      return std::nullopt;
    }
    header += octets;
  }
  if (bytes.size() - header < length) {
    return std::nullopt;
  }
  const Tlv value{
      .tag = byte_at(bytes, 0), .content = bytes.substr(header, length), .encoding = bytes.substr(0, header + length)};
  bytes.remove_prefix(header + length);
  return value;
}

tl::expected<void, std::string> check_der(std::string_view bytes) {
  std::string_view rest = bytes;
  const char* fault = check_value(rest, 1);
  if (fault == nullptr && !rest.empty()) {
    fault = "bytes after the value";
  }
  if (fault != nullptr) {
    return tl::unexpected("DER byte " + std::to_string(bytes.size() - rest.size()) + ": " + fault);
  }
  return {};
}

}  // namespace signet
