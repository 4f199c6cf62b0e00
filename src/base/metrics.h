// Metrics: each is declared once, with its unit and meaning; /metrics and docs/metrics.md come from the declaration.
//
// Adding to a metric takes no lock: each thread writes a slot of its own and a scrape adds them up. The registry is
// bounded: everything is declared at start, label values included.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

inline constexpr std::size_t metric_slots = 16;  // threads beyond share slots
inline constexpr std::size_t cache_line_bytes = 64;

// The calling thread's slot, below metric_slots.
[[nodiscard]] std::size_t metric_slot() noexcept;

class Counter {
 public:
  void add(std::uint64_t amount = 1) noexcept {
    slots_[metric_slot()].value.fetch_add(amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept;

 private:
  struct alignas(cache_line_bytes) Slot {
    std::atomic<std::uint64_t> value{0};
  };
  std::array<Slot, metric_slots> slots_;
};

// A level that remembers its highest value since start.
class Gauge {
 public:
  void set(std::int64_t value) noexcept;
  void add(std::int64_t amount) noexcept;
  [[nodiscard]] std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t high_water() const noexcept { return high_water_.load(std::memory_order_relaxed); }

 private:
  void raise(std::int64_t value) noexcept;
  std::atomic<std::int64_t> value_{0};
  std::atomic<std::int64_t> high_water_{0};
};

// A distribution over fixed buckets, powers of two of `first_bound`.
class Histogram {
 public:
  static constexpr std::size_t bucket_count = 24;
  explicit Histogram(double first_bound) noexcept : first_bound_(first_bound) {}
  void observe(double value) noexcept;

 private:
  friend class MetricsRegistry;
  struct alignas(cache_line_bytes) Slot {
    std::array<std::atomic<std::uint64_t>, bucket_count + 1> buckets{};
    std::atomic<double> sum{0};
  };
  double first_bound_;
  std::array<Slot, metric_slots> slots_;
};

// A label and its value, fixed at declaration. Both literals or strings that live for ever.
struct Label {
  std::string_view name;
  std::string_view value;
};

// All metrics of one process. Declaration: the thread that starts the process. Scrape: any thread.
class MetricsRegistry {
 public:
  MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;
  ~MetricsRegistry();

  // Names: weir_<module>_<what>_<unit>[_total]. Declaring the same name with other labels adds a series to the family;
  // with the same labels it gives the same metric again. One name is one type. Names and helps are literals. References
  // stay valid as long as the registry. A gauge also exposes <name>_high_water.
  Counter& counter(std::string_view name, std::string_view help, std::vector<Label> labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, std::vector<Label> labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, double first_bound,
                       std::vector<Label> labels = {});
  // A gauge computed at scrape time; `read` must be callable from any thread. Declared once.
  void gauge_from(std::string_view name, std::string_view help, std::function<double()> read,
                  std::vector<Label> labels = {});

  [[nodiscard]] std::string prometheus_text() const;  // text exposition format 0.0.4
  [[nodiscard]] std::string markdown() const;         // docs/metrics.md

 private:
  struct Family;
  std::vector<std::unique_ptr<Family>> families_;
};

}  // namespace weir
