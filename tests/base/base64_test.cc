#include "base/base64.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "openssl/evp.h"
#include "rapidcheck/gtest.h"

namespace weir {
namespace {

std::string encoded(std::string_view data) {
  std::string out(base64_encoded_size(data.size()), '?');
  base64_encode(as_bytes(data), out.data());
  return out;
}

struct InPlace {
  Base64Decoded decoded;
  std::string memory;
  [[nodiscard]] std::string data() const { return memory.substr(0, decoded.size); }
};

InPlace decode_in_place(std::string text) {
  InPlace result{.decoded = {}, .memory = std::move(text)};
  result.decoded = base64_decode(result.memory, reinterpret_cast<std::byte*>(result.memory.data()));
  return result;
}

TEST(Base64, AgreesWithOpenSslAtEveryLengthAndByte) {
  std::string data;
  for (int i = 0; i < 300; ++i) {
    std::string expected(base64_encoded_size(data.size()) + 1, '\0');
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(expected.data()),
                    reinterpret_cast<const unsigned char*>(data.data()), static_cast<int>(data.size()));
    expected.pop_back();
    EXPECT_EQ(encoded(data), expected);
    const InPlace back = decode_in_place(expected);
    EXPECT_EQ(back.decoded.fault, Base64Fault::none);
    EXPECT_EQ(back.data(), data);
    data += static_cast<char>(i * 7);
  }
}

TEST(Base64, EncodingNeverReadsOrWritesOutsideItsMemory) {
  for (std::size_t size = 0; size < 64; ++size) {
    const std::vector<std::byte> data(size, std::byte{0xA5});  // exact memory, for the address sanitizer
    std::vector<char> out(base64_encoded_size(size));
    base64_encode(data, out.data());
    std::vector<std::byte> in_place(out.size());
    std::copy(out.begin(), out.end(), reinterpret_cast<char*>(in_place.data()));
    const auto decoded = base64_decode(as_text(in_place), in_place.data());
    ASSERT_EQ(decoded.size, size);
  }
}

RC_GTEST_PROP(Base64, DecodingInPlaceGivesBackWhatWasEncoded, (const std::string& data)) {
  const InPlace back = decode_in_place(encoded(data));
  RC_ASSERT(back.decoded.fault == Base64Fault::none);
  RC_ASSERT(back.data() == data);
}

RC_GTEST_PROP(Base64, AnyTextEitherDecodesAndEncodesBackOrIsRefused, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ABCZabcz0189+/=!\\\x80 ")));
  const InPlace result = decode_in_place(text);
  if (result.decoded.fault == Base64Fault::none) {
    RC_ASSERT(encoded(result.data()) == text);
  } else {
    // What was lost in place can be restored from what was decoded.
    const std::string front = encoded(result.memory.substr(0, result.decoded.size));
    RC_ASSERT(front + result.memory.substr(front.size()) == text);
  }
}

TEST(Base64, EveryForeignByteIsFoundWhereItStands) {
  const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (const std::size_t position : {0U, 5U, 15U, 16U, 31U, 40U}) {
      std::string text(48, 'A');
      text[position] = c;
      const auto decoded = decode_in_place(text).decoded;
      if (alphabet.find(c) != std::string::npos) {
        EXPECT_EQ(decoded.fault, Base64Fault::none);
      } else {
        EXPECT_EQ(decoded.fault, Base64Fault::character) << byte;
        EXPECT_EQ(decoded.position, position);
      }
    }
  }
}

TEST(Base64, RefusesWrongLengthPaddingAndSpareBits) {
  EXPECT_EQ(decode_in_place("AAA").decoded.fault, Base64Fault::length);
  EXPECT_EQ(decode_in_place("AAAAA").decoded.fault, Base64Fault::length);
  EXPECT_EQ(decode_in_place("A=AA").decoded.fault, Base64Fault::character);
  EXPECT_EQ(decode_in_place("A===").decoded.fault, Base64Fault::spare_bits);
  EXPECT_EQ(decode_in_place("====").decoded.fault, Base64Fault::spare_bits);
  EXPECT_EQ(decode_in_place("AB==").decoded.fault, Base64Fault::spare_bits);
  EXPECT_EQ(decode_in_place("AAB=").decoded.fault, Base64Fault::spare_bits);
  EXPECT_EQ(decode_in_place("AA==").decoded.fault, Base64Fault::none);
  EXPECT_EQ(decode_in_place("").decoded.fault, Base64Fault::none);
}

}  // namespace
}  // namespace weir
