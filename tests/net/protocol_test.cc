#include "net/protocol.h"

#include "gtest/gtest.h"

namespace weir::net {
namespace {

TEST(Protocol, ARangeComesOutAsItWentIn) {
  EXPECT_EQ(protocol_range_text({.oldest = 2, .newest = 7}), "2-7");
  EXPECT_EQ(parse_protocol_range("2-7"), (ProtocolRange{.oldest = 2, .newest = 7}));
  EXPECT_EQ(parse_protocol_range(protocol_range_text(own_protocols)), own_protocols);
}

TEST(Protocol, WhatIsNoRangeIsNone) {
  for (const char* text : {"", "1", "-", "1-", "-1", "0-1", "3-2", "1-2x", "a-b", "1 -2", "99999999999-99999999999"}) {
    EXPECT_EQ(parse_protocol_range(text), std::nullopt) << text;
  }
}

TEST(Protocol, TheVersionBeforeAndTheNextUnderstandEachOtherAndStrangersDoNot) {
  const ProtocolRange before{.oldest = 1, .newest = 1};
  const ProtocolRange next{.oldest = 1, .newest = 2};
  const ProtocolRange later{.oldest = 2, .newest = 3};
  EXPECT_TRUE(overlap(before, next));
  EXPECT_TRUE(overlap(next, before));
  EXPECT_TRUE(overlap(next, later));
  EXPECT_FALSE(overlap(before, later));
  EXPECT_FALSE(overlap(later, before));
}

}  // namespace
}  // namespace weir::net
