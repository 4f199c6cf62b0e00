#include "base/hash_key.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace weir {
namespace {

constexpr std::string_view largest = "340282366920938463463374607431768211455";

TEST(HashKey, ReadsTheWholeRange) {
  EXPECT_EQ(parse_hash_key("0"), HashKey{0});
  EXPECT_EQ(parse_hash_key("9"), HashKey{9});
  EXPECT_EQ(parse_hash_key("18446744073709551616"), HashKey{static_cast<unsigned __int128>(1) << 64});
  EXPECT_EQ(parse_hash_key(largest), HashKey::max());
  EXPECT_EQ(to_string(HashKey::max()), largest);
  EXPECT_EQ(to_string(HashKey{}), "0");
}

TEST(HashKey, RefusesWhatIsNotPlainDecimal) {
  for (const std::string_view bad :
       {"", "00", "01", "+1", "-1", " 1", "1 ", "1.0", "0x1", "1e3", "a", "\xd9\xa1",
        "340282366920938463463374607431768211456", "999999999999999999999999999999999999999",
        "1000000000000000000000000000000000000000"}) {
    EXPECT_EQ(parse_hash_key(bad), std::nullopt) << bad;
  }
}

RC_GTEST_PROP(HashKey, SurvivesTheWayThroughText, (std::uint64_t high, std::uint64_t low)) {
  const HashKey key{(static_cast<unsigned __int128>(high) << 64) | low};
  RC_ASSERT(parse_hash_key(to_string(key)) == key);
}

TEST(HashKey, PartitionKeyIsItsMd5ReadBigEndian) {
  // RFC 1321: MD5("") = d41d8cd98f00b204e9800998ecf8427e, MD5("abc") = 900150983cd24fb0d6963f7d28e17f72.
  const auto from = [](std::uint64_t high, std::uint64_t low) {
    return HashKey{(static_cast<unsigned __int128>(high) << 64) | low};
  };
  EXPECT_EQ(hash_partition_key("abc"), from(0x900150983cd24fb0, 0xd6963f7d28e17f72));
  EXPECT_EQ(hash_partition_key(""), from(0xd41d8cd98f00b204, 0xe9800998ecf8427e));
  // The kept context must not carry anything from one key to the next.
  EXPECT_EQ(hash_partition_key("abc"), from(0x900150983cd24fb0, 0xd6963f7d28e17f72));
}

}  // namespace
}  // namespace weir
