#include <gtest/gtest.h>

#include <cstring>

#include "net/buffer_pool.h"
#include "net/http_date.h"
#include "net/memory_budget.h"
#include "net/receive_buffer.h"

namespace weir::net {
namespace {

TEST(MemoryBudget, NeverGivesMoreThanItsMaximum) {
  MetricsRegistry registry;
  Gauge& level = registry.gauge("weir_net_test_bytes", "test");
  MemoryBudget budget(100, level);
  MemoryReservation one;
  MemoryReservation two;
  EXPECT_TRUE(one.resize(budget, 60));
  EXPECT_FALSE(two.resize(budget, 41));
  EXPECT_EQ(two.bytes(), 0U);
  EXPECT_TRUE(two.resize(budget, 40));
  EXPECT_FALSE(one.resize(budget, 61));
  EXPECT_TRUE(one.resize(budget, 10));
  EXPECT_FALSE(two.resize(budget, std::numeric_limits<std::uint64_t>::max()));
  MemoryReservation moved = std::move(two);
  EXPECT_EQ(budget.used_bytes(), 50U);
  moved.release();
  one = {};
  EXPECT_EQ(budget.used_bytes(), 0U);
  EXPECT_EQ(level.value(), 0);
  EXPECT_EQ(level.high_water(), 100);
}

TEST(MemoryBudget, KeepsAQuarterForWhatIsSmall) {
  constexpr std::uint64_t small = MemoryBudget::small_bytes;
  MetricsRegistry registry;
  MemoryBudget budget(16 * small, registry.gauge("weir_net_test_bytes", "test"));
  std::vector<MemoryReservation> large(7);
  std::size_t served = 0;
  for (MemoryReservation& each : large) served += each.resize(budget, 2 * small) ? 1 : 0;
  EXPECT_EQ(served, 6U) << "twelve parts of sixteen";
  EXPECT_FALSE(large[0].resize(budget, 2 * small + 1)) << "nor does one grow beyond";
  std::vector<MemoryReservation> little(5);
  served = 0;
  for (MemoryReservation& each : little) served += each.resize(budget, small) ? 1 : 0;
  EXPECT_EQ(served, 4U);
  EXPECT_FALSE(little[0].resize(budget, small + 1));
  large.clear();
  little.clear();
  MemoryReservation alone;
  EXPECT_TRUE(alone.resize(budget, 10 * small));
  EXPECT_TRUE(alone.resize(budget, 16 * small)) << "alone it may take all";
}

TEST(BufferPool, KeepsFreeBuffersUpToItsBoundAndReusesThem) {
  BufferPool pool(64 * kibibyte);
  std::byte* first = nullptr;
  {
    const PooledBuffer buffer = pool.acquire(40'000);
    EXPECT_EQ(buffer.capacity(), 65'536U);
    first = buffer.data();
    const PooledBuffer beyond_the_bound = pool.acquire(100'000);
    EXPECT_EQ(beyond_the_bound.capacity(), 131'072U);
  }
  const PooledBuffer again = pool.acquire(65'536);
  EXPECT_EQ(again.data(), first);
  EXPECT_EQ(pool.acquire(0).capacity(), BufferPool::smallest_bytes);
}

TEST(ReceiveBuffer, KeepsItsBytesWhileItGrowsMovesAndShrinks) {
  MetricsRegistry registry;
  MemoryBudget budget(40'000, registry.gauge("weir_net_test_bytes", "test"));
  BufferPool pool(1 * mebibyte);
  ReceiveBuffer buffer(pool, budget);
  EXPECT_EQ(buffer.free_space().size(), BufferPool::smallest_bytes - body_padding_bytes);
  std::memset(buffer.free_space().data(), 'a', 4'000);
  buffer.append(4'000);
  buffer.drop_front(1'000);
  EXPECT_FALSE(buffer.has_room(4'000));
  EXPECT_TRUE(buffer.make_room(4'000));
  EXPECT_EQ(budget.used_bytes(), 0U) << "moving to the front was enough";
  EXPECT_TRUE(buffer.make_room(20'000));
  EXPECT_EQ(budget.used_bytes(), 32'768U);
  EXPECT_FALSE(buffer.make_room(33'000));
  EXPECT_EQ(as_text(buffer.filled()), std::string(3'000, 'a'));
  buffer.drop_front(10);
  buffer.shrink();
  EXPECT_EQ(budget.used_bytes(), 0U);
  EXPECT_EQ(as_text(buffer.filled()), std::string(2'990, 'a'));
}

TEST(HttpDate, SaysTheTimeInTheFormOfHttp) {
  HttpDate date;
  EXPECT_EQ(date.text(wall_time_ms(784'111'777'999)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date.text(wall_time_ms(784'111'778'000)), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(date.text(wall_time_ms(1'709'164'800'000)), "Thu, 29 Feb 2024 00:00:00 GMT");
}

}  // namespace
}  // namespace weir::net
