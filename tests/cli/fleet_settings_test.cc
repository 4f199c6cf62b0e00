#include "cli/roles/fleet_settings.h"

#include "gtest/gtest.h"

namespace weir::cli {
namespace {

TEST(FleetSettings, ALaneCapacityThatCouldHoldNothingIsRefused) {
  EXPECT_TRUE(check_lane_capacity(0, 256 * mebibyte, 64 * mebibyte).has_value());
  EXPECT_TRUE(check_lane_capacity(384 * mebibyte, 256 * mebibyte, 64 * mebibyte).has_value());
  const auto refused = check_lane_capacity(384 * mebibyte - 1, 256 * mebibyte, 64 * mebibyte);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().message.find("rados.lane_capacity_bytes is 402653183"), std::string::npos);
}

TEST(FleetSettings, EndpointsAreNumericAddressesAndPorts) {
  const auto two = parse_endpoints("fleet.directories", "10.0.0.1:4570,[fd00::1]:4571");
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ((*two)[1].address, "fd00::1");
  EXPECT_EQ((*two)[1].port, 4571);
  for (const char* text : {"", ",", "10.0.0.1", ":4570", "10.0.0.1:0", "10.0.0.1:99999", "10.0.0.1:x"}) {
    EXPECT_FALSE(parse_endpoints("fleet.directories", text).has_value()) << text;
  }
}

}  // namespace
}  // namespace weir::cli
