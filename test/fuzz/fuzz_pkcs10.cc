#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "signer/csr/openssl_ptr.h"
#include "signer/csr/pem.h"
#include "signer/csr/pkcs10.h"
#include "test/fuzz/as_pem.h"
#include "test/fuzz/expect.h"

// Text that begins like PEM is parsed as it is, anything else as the DER inside. Whatever our parser takes OpenSSL's
// own must take, too, and give back the same bytes, find the same key and as many names in it, and say the same of the
// signature. OpenSSL also takes what is no DER: a reader that takes nothing else must find the names, too.

namespace {

using namespace signet;
using fuzz::expect;

using RequestPtr = OpensslPtr<X509_REQ, X509_REQ_free>;

template <typename Object, typename I2d>
std::string encoded(Object* object, I2d i2d) {
  std::string bytes(static_cast<std::size_t>(i2d(object, nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(bytes.data());
  i2d(object, &out);
  return bytes;
}

int count_names(X509_REQ& request) {
  STACK_OF(X509_EXTENSION)* const extensions = X509_REQ_get_extensions(&request);
  int count = 0;
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i) {
    X509_EXTENSION* const extension = sk_X509_EXTENSION_value(extensions, i);
    if (OBJ_obj2nid(X509_EXTENSION_get_object(extension)) == NID_subject_alt_name) {
      const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(X509V3_EXT_d2i(extension)));
      expect(names != nullptr, "OpenSSL reads the names");
      count += sk_GENERAL_NAME_num(names.get());
    }
  }
  sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
  return count;
}

void compare_with_openssl(const std::string& der, const Pkcs10Facts& facts) {
  const auto* in = reinterpret_cast<const unsigned char*>(der.data());
  const RequestPtr request(d2i_X509_REQ(nullptr, &in, static_cast<long>(der.size())));
  expect(request != nullptr, "OpenSSL reads the request");
  expect(encoded(request.get(), i2d_X509_REQ) == der, "OpenSSL writes the same bytes");
  expect(encoded(X509_REQ_get_X509_PUBKEY(request.get()), i2d_X509_PUBKEY) == facts.spki, "OpenSSL reads the same key");
  if (facts.signature != Pkcs10Facts::Signature::kNotChecked) {
    EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
    expect(key != nullptr, "OpenSSL can use the key");
    expect((X509_REQ_verify(request.get(), key) == 1) == (facts.signature == Pkcs10Facts::Signature::kVerified),
           "OpenSSL says the same of the signature");
  }
  // OpenSSL looks into Microsoft's attribute, too; we tell it as one that is not understood.
  if (std::ranges::find(facts.other_extensions, "1.3.6.1.4.1.311.2.1.14") == facts.other_extensions.end()) {
    expect(count_names(*request) == static_cast<int>(facts.names.size()), "OpenSSL finds as many names");
  }
}

// A name that is text stands in the request as one piece, where a reader of DER and nothing else finds it.
void find_in(const std::string& der, const SubjectAltName& name) {
  constexpr std::size_t kShortForm = 0x80;
  const auto tag_of = [](SubjectAltName::Type type) {
    switch (type) {
      case SubjectAltName::Type::kEmail:
        return '\x81';
      case SubjectAltName::Type::kDns:
        return '\x82';
      case SubjectAltName::Type::kUri:
        return '\x86';
      default:
        return '\0';
    }
  };
  if (tag_of(name.type) != '\0' && name.value.size() < kShortForm) {
    const std::string whole = {tag_of(name.type), static_cast<char>(name.value.size())};
    expect(der.find(whole + name.value) != std::string::npos, "a name stands in the request as one piece");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string pem = fuzz::as_pem(input, "CERTIFICATE REQUEST");
  const auto facts = parse_pkcs10(pem);
  if (facts) {
    const auto blocks = read_pem(pem, "CERTIFICATE REQUEST", {.max_bytes = kMaxRequestPemBytes, .max_blocks = 1});
    expect(blocks.has_value(), "what was read is PEM");
    compare_with_openssl(blocks->front(), *facts);
    for (const SubjectAltName& name : facts->names) {
      find_in(blocks->front(), name);
    }
  }
  drain_openssl_errors();
  return 0;
}
