#include "signer/kube/base64.h"

#include <array>
#include <cstdint>

namespace signet {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kLargestValue = 63;
constexpr std::uint8_t kNotInAlphabet = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNotInAlphabet);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

tl::unexpected<std::string> refuse(std::size_t offset, std::string_view rule) {
  return tl::unexpected("byte " + std::to_string(offset) + ": " + std::string(rule));
}

}  // namespace

tl::expected<std::string, std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return refuse(text.size(), "the length of base64 is not a multiple of 4");
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const std::size_t digits = text.size() - padding;

  const auto value_at = [text](std::size_t i) -> std::uint32_t { return kValues[static_cast<unsigned char>(text[i])]; };
  std::string out(digits / 4 * 3, '\0');
  std::size_t i = 0;
  for (char* to = out.data(); i + 4 <= digits; i += 4) {
    const std::uint32_t values[] = {value_at(i), value_at(i + 1), value_at(i + 2), value_at(i + 3)};
    if ((values[0] | values[1] | values[2] | values[3]) > kLargestValue) break;
    const std::uint32_t bits = values[0] << 18U | values[1] << 12U | values[2] << 6U | values[3];
    *to++ = static_cast<char>(bits >> 16U & 0xFFU);
    *to++ = static_cast<char>(bits >> 8U & 0xFFU);
    *to++ = static_cast<char>(bits & 0xFFU);
  }
  std::uint32_t bits = 0;
  for (; i < digits; ++i) {
    if (value_at(i) == kNotInAlphabet) return refuse(i, "not a character of base64");
    bits = bits << 6U | value_at(i);
  }
  // Two digits left carry one byte and 4 spare bits, three carry two bytes and 2 spare bits.
  if (padding == 2) {
    if ((bits & 0xFU) != 0) return refuse(digits - 1, "base64 has non-zero trailing bits");
    out += static_cast<char>(bits >> 4U & 0xFFU);
  } else if (padding == 1) {
    if ((bits & 0x3U) != 0) return refuse(digits - 1, "base64 has non-zero trailing bits");
    out += static_cast<char>(bits >> 10U & 0xFFU);
    out += static_cast<char>(bits >> 2U & 0xFFU);
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8U | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    out += kAlphabet[bits >> 18U & 0x3FU];
    out += kAlphabet[bits >> 12U & 0x3FU];
    out += count > 1 ? kAlphabet[bits >> 6U & 0x3FU] : '=';
    out += count > 2 ? kAlphabet[bits & 0x3FU] : '=';
  }
  return out;
}

}  // namespace signet
