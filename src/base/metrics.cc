#include "base/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cmath>
#include <deque>
#include <sstream>
#include <utility>

#include "base/assert.h"

namespace weir {
namespace {

bool same_labels(const std::vector<Label>& a, const std::vector<Label>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].value != b[i].value) return false;
  }
  return true;
}

prometheus::ClientMetric with_labels(const std::vector<Label>& labels) {
  prometheus::ClientMetric metric;
  for (const Label& label : labels) metric.label.push_back({std::string(label.name), std::string(label.value)});
  return metric;
}

// Largest first bound times 2^(bucket_count - 1); above it lies only the bucket without bound.
std::size_t bucket_index(double value, double first_bound) noexcept {
  const double ratio = value / first_bound;
  if (ratio <= 1) return 0;
  if (ratio > std::ldexp(1.0, static_cast<int>(Histogram::bucket_count) - 1)) return Histogram::bucket_count;
  int exponent = 0;
  const double mantissa = std::frexp(ratio, &exponent);  // ratio == mantissa * 2^exponent, 0.5 <= mantissa < 1
  return static_cast<std::size_t>(mantissa == 0.5 ? exponent - 1 : exponent);
}

}  // namespace

std::size_t metric_slot() noexcept {
  static std::atomic<std::size_t> threads_seen{0};
  static thread_local const std::size_t slot = threads_seen.fetch_add(1, std::memory_order_relaxed) % metric_slots;
  return slot;
}

std::uint64_t Counter::value() const noexcept {
  std::uint64_t sum = 0;
  for (const Slot& slot : slots_) sum += slot.value.load(std::memory_order_relaxed);
  return sum;
}

void Gauge::set(std::int64_t value) noexcept {
  value_.store(value, std::memory_order_relaxed);
  raise(value);
}

void Gauge::add(std::int64_t amount) noexcept { raise(value_.fetch_add(amount, std::memory_order_relaxed) + amount); }

void Gauge::raise(std::int64_t value) noexcept {
  std::int64_t highest = high_water_.load(std::memory_order_relaxed);
  while (value > highest && !high_water_.compare_exchange_weak(highest, value, std::memory_order_relaxed)) {
  }
}

void Histogram::observe(double value) noexcept {
  if (std::isnan(value)) return;
  Slot& slot = slots_[metric_slot()];
  slot.buckets[bucket_index(value, first_bound_)].fetch_add(1, std::memory_order_relaxed);
  slot.sum.fetch_add(value, std::memory_order_relaxed);
}

// All series of one name. Exactly one of the members that hold values is used, according to the kind.
struct MetricsRegistry::Family {
  enum class Kind : std::uint8_t { counter, gauge, histogram, computed_gauge };

  struct Series {
    std::vector<Label> labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> read;
  };

  std::string_view name;
  std::string_view help;
  Kind kind;
  std::deque<Series> series;

  // The family of that name, made when there is none yet.
  static Family& of(std::vector<std::unique_ptr<Family>>& families, std::string_view name, std::string_view help,
                    Kind kind) {
    for (const auto& family : families) {
      if (family->name != name) continue;
      WEIR_ASSERT_NOTE(family->kind == kind, "a metric is declared twice with different types");
      return *family;
    }
    families.push_back(std::make_unique<Family>(Family{name, help, kind, {}}));
    return *families.back();
  }

  // The series with these labels, made empty when there is none yet.
  Series& with(std::vector<Label> labels) {
    for (Series& one : series) {
      if (same_labels(one.labels, labels)) return one;
    }
    series.push_back(Series{std::move(labels), nullptr, nullptr, nullptr, nullptr});
    return series.back();
  }

  [[nodiscard]] std::string_view type_name() const {
    switch (kind) {
      case Kind::counter: return "counter";
      case Kind::histogram: return "histogram";
      case Kind::gauge:
      case Kind::computed_gauge: return "gauge";
    }
    return "gauge";
  }

  static prometheus::ClientMetric::Histogram totals(const Histogram& histogram);
  void collect(std::vector<prometheus::MetricFamily>& out) const;
};

prometheus::ClientMetric::Histogram MetricsRegistry::Family::totals(const Histogram& histogram) {
  prometheus::ClientMetric::Histogram out;
  double bound = histogram.first_bound_;
  for (std::size_t i = 0; i <= Histogram::bucket_count; ++i, bound *= 2) {
    for (const Histogram::Slot& slot : histogram.slots_) {
      out.sample_count += slot.buckets[i].load(std::memory_order_relaxed);
    }
    // The bucket without bound is the sample count itself, and the serializer writes it.
    if (i < Histogram::bucket_count) out.bucket.push_back({out.sample_count, bound});
  }
  for (const Histogram::Slot& slot : histogram.slots_) out.sample_sum += slot.sum.load(std::memory_order_relaxed);
  return out;
}

void MetricsRegistry::Family::collect(std::vector<prometheus::MetricFamily>& out) const {
  using prometheus::MetricType;
  const MetricType type = kind == Kind::counter     ? MetricType::Counter
                          : kind == Kind::histogram ? MetricType::Histogram
                                                    : MetricType::Gauge;
  prometheus::MetricFamily values{std::string(name), std::string(help), type, {}};
  prometheus::MetricFamily highest{
      std::string(name) + "_high_water", std::string(help) + " Highest since start.", MetricType::Gauge, {}};
  for (const Series& one : series) {
    prometheus::ClientMetric metric = with_labels(one.labels);
    switch (kind) {
      case Kind::counter: metric.counter.value = static_cast<double>(one.counter->value()); break;
      case Kind::histogram: metric.histogram = totals(*one.histogram); break;
      case Kind::computed_gauge: metric.gauge.value = one.read(); break;
      case Kind::gauge: {
        metric.gauge.value = static_cast<double>(one.gauge->high_water());
        highest.metric.push_back(metric);
        metric.gauge.value = static_cast<double>(one.gauge->value());
        break;
      }
    }
    values.metric.push_back(std::move(metric));
  }
  out.push_back(std::move(values));
  if (kind == Kind::gauge) out.push_back(std::move(highest));
}

MetricsRegistry::MetricsRegistry() = default;
MetricsRegistry::~MetricsRegistry() = default;

Counter& MetricsRegistry::counter(std::string_view name, std::string_view help, std::vector<Label> labels) {
  auto& held = Family::of(families_, name, help, Family::Kind::counter).with(std::move(labels)).counter;
  if (held == nullptr) held = std::make_unique<Counter>();
  return *held;
}

Gauge& MetricsRegistry::gauge(std::string_view name, std::string_view help, std::vector<Label> labels) {
  auto& held = Family::of(families_, name, help, Family::Kind::gauge).with(std::move(labels)).gauge;
  if (held == nullptr) held = std::make_unique<Gauge>();
  return *held;
}

Histogram& MetricsRegistry::histogram(std::string_view name, std::string_view help, double first_bound,
                                      std::vector<Label> labels) {
  WEIR_ASSERT(first_bound > 0);
  auto& held = Family::of(families_, name, help, Family::Kind::histogram).with(std::move(labels)).histogram;
  if (held == nullptr) held = std::make_unique<Histogram>(first_bound);
  return *held;
}

void MetricsRegistry::gauge_from(std::string_view name, std::string_view help, std::function<double()> read,
                                 std::vector<Label> labels) {
  auto& held = Family::of(families_, name, help, Family::Kind::computed_gauge).with(std::move(labels)).read;
  WEIR_ASSERT_NOTE(held == nullptr, "a computed gauge is declared twice");
  held = std::move(read);
}

std::string MetricsRegistry::prometheus_text() const {
  std::vector<prometheus::MetricFamily> collected;
  collected.reserve(families_.size() * 2);
  for (const auto& family : families_) family->collect(collected);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, collected);
  return std::move(out).str();
}

std::string MetricsRegistry::markdown() const {
  std::string out = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const auto& family : families_) {
    std::string labels;
    for (const Label& label : family->series.front().labels) {
      labels.append(labels.empty() ? "" : ", ").append("`").append(label.name).append("`");
    }
    out.append("| `").append(family->name).append("` | ").append(family->type_name()).append(" | ");
    out.append(labels).append(" | ").append(family->help);
    if (family->kind == Family::Kind::gauge) {
      out.append(" `").append(family->name).append("_high_water` holds the highest value since start.");
    }
    out.append(" |\n");
  }
  return out;
}

}  // namespace weir
