#include "base/crc32c.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace weir {
namespace {

// Bit by bit, straight from the definition (reflected polynomial 0x82F63B78), to check the fast one against.
std::uint32_t slow_crc32c(const std::string& text) {
  std::uint32_t state = 0xFFFFFFFF;
  for (const char c : text) {
    state ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82F63B78U : 0U);
  }
  return ~state;
}

TEST(Crc32c, GivesThePublishedCheckValues) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(as_bytes("")), 0U);
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\0'))), 0x8A9136AAU);
  EXPECT_EQ(crc32c(as_bytes(std::string(32, '\xff'))), 0x62A8AB43U);
}

RC_GTEST_PROP(Crc32c, EqualsItsDefinition, (const std::string& text)) {
  RC_ASSERT(crc32c(as_bytes(text)) == slow_crc32c(text));
}

RC_GTEST_PROP(Crc32c, ContinuesFromASeed, (const std::string& first, const std::string& second)) {
  RC_ASSERT(crc32c(as_bytes(second), crc32c(as_bytes(first))) == crc32c(as_bytes(first + second)));
}

}  // namespace
}  // namespace weir
