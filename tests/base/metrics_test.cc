#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

namespace weir {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, CounterAddsUpWhatEveryThreadAdded) {
  Counter counter;
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < metric_slots + 4; ++i) {
    threads.emplace_back([&counter] {
      for (int n = 0; n < 1000; ++n) counter.add(2);
    });
  }
  threads.clear();
  EXPECT_EQ(counter.value(), (metric_slots + 4) * 2000);
}

TEST(Metrics, GaugeRemembersItsHighestValue) {
  Gauge gauge;
  gauge.add(5);
  gauge.add(-3);
  EXPECT_EQ(gauge.value(), 2);
  EXPECT_EQ(gauge.high_water(), 5);
  gauge.set(9);
  gauge.set(1);
  EXPECT_EQ(gauge.value(), 1);
  EXPECT_EQ(gauge.high_water(), 9);
}

TEST(Metrics, ExpositionHoldsEveryFamilyOnce) {
  MetricsRegistry registry;
  registry.counter("weir_net_requests_total", "Requests.", {{"method", "PutRecord"}}).add(3);
  registry.counter("weir_net_requests_total", "Requests.", {{"method", "GetRecords"}}).add(4);
  registry.gauge("weir_net_connections", "Open connections.").set(7);
  registry.gauge("weir_net_connections", "Open connections.").set(2);
  registry.gauge_from("weir_env_resident_bytes", "Memory.", [] { return 4096.0; });
  const std::string text = registry.prometheus_text();
  EXPECT_THAT(text, HasSubstr("# HELP weir_net_requests_total Requests.\n# TYPE weir_net_requests_total counter\n"
                              "weir_net_requests_total{method=\"PutRecord\"} 3\n"
                              "weir_net_requests_total{method=\"GetRecords\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE weir_net_connections gauge\nweir_net_connections 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_net_connections_high_water 7\n"));
  EXPECT_THAT(text, HasSubstr("weir_env_resident_bytes 4096\n"));
  EXPECT_EQ(text.find("# TYPE weir_net_requests_total"), text.rfind("# TYPE weir_net_requests_total"));
}

TEST(Metrics, HistogramBucketsArePowersOfTwoOfTheFirstBound) {
  MetricsRegistry registry;
  Histogram& histogram = registry.histogram("weir_x_seconds", "X.", 0.5);
  for (const double value : {-1.0, 0.0, 0.5, 0.50001, 1.0, 1.5, 2.0}) histogram.observe(value);
  histogram.observe(std::numeric_limits<double>::infinity());
  histogram.observe(std::numeric_limits<double>::quiet_NaN());
  const std::string text = registry.prometheus_text();
  EXPECT_THAT(text, HasSubstr("weir_x_seconds_bucket{le=\"0.5\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("weir_x_seconds_bucket{le=\"1\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("weir_x_seconds_bucket{le=\"2\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("weir_x_seconds_bucket{le=\"4194304\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("weir_x_seconds_bucket{le=\"+Inf\"} 8\n"));
  EXPECT_THAT(text, HasSubstr("weir_x_seconds_count 8\n"));
  EXPECT_THAT(text, Not(HasSubstr("8388608")));
}

TEST(Metrics, HistogramHoldsTheLargestBoundedValue) {
  MetricsRegistry registry;
  Histogram& histogram = registry.histogram("weir_y_bytes", "Y.", 1);
  histogram.observe(8388608);
  histogram.observe(8388609);
  const std::string text = registry.prometheus_text();
  EXPECT_THAT(text, HasSubstr("weir_y_bytes_bucket{le=\"4194304\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("weir_y_bytes_bucket{le=\"8388608\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("weir_y_bytes_sum 16777217\n"));
}

TEST(Metrics, DocumentationNamesTypeLabelsAndHighWater) {
  MetricsRegistry registry;
  registry.counter("weir_a_total", "Counts a.", {{"kind", "x"}, {"core", "0"}});
  registry.gauge("weir_b_bytes", "Bytes of b.");
  const std::string page = registry.markdown();
  EXPECT_THAT(page, HasSubstr("| `weir_a_total` | counter | `kind`, `core` | Counts a. |"));
  EXPECT_THAT(page, HasSubstr("| `weir_b_bytes` | gauge |  | Bytes of b. `weir_b_bytes_high_water` holds"));
}

TEST(MetricsDeathTest, OneNameIsOneType) {
  MetricsRegistry registry;
  registry.counter("weir_a_total", "A.");
  EXPECT_DEATH(registry.gauge("weir_a_total", "A."), "declared twice");
  registry.gauge_from("weir_g", "G.", [] { return 1.0; });
  EXPECT_DEATH(registry.gauge_from("weir_g", "G.", [] { return 2.0; }), "declared twice");
}

}  // namespace
}  // namespace weir
