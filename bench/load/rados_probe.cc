#include "load/rados_probe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <rados/librados.hpp>
#include <thread>
#include <vector>

#include "load/load.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t object_bytes = 16ULL << 20;

void must(int outcome, const char* what) {
  if (outcome < 0) fail(fmt::format("{}: {}", what, std::strerror(-outcome)));
}

librados::bufferlist text(const std::string& from) {
  librados::bufferlist list;
  list.append(from);
  return list;
}

// One object of one lane. Its epoch is 1; its tag is of the same length as a lane's.
class Object {
 public:
  Object(librados::IoCtx& pool, std::string name) : pool_(pool), name_(std::move(name)) {
    librados::ObjectWriteOperation create;
    create.create(true);
    create.setxattr("epoch", text("1"));
    create.setxattr("tag", text(tag()));
    must(pool_.operate(name_, &create), "creating an object");
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { pool_.remove(name_); }

  void append(const librados::bufferlist& content) {
    librados::ObjectWriteOperation operation;
    operation.cmpxattr("epoch", LIBRADOS_CMPXATTR_OP_EQ, std::uint64_t{1});
    operation.cmpxattr("tag", LIBRADOS_CMPXATTR_OP_EQ, text(tag()));
    ++writes_;
    operation.write(length_, content);
    operation.setxattr("tag", text(tag()));
    must(pool_.operate(name_, &operation, librados::OPERATION_FULL_TRY), "a guarded write");
    length_ += content.length();
  }
  [[nodiscard]] std::uint64_t length() const noexcept { return length_; }

 private:
  [[nodiscard]] std::string tag() const { return fmt::format("1-00c0ffee00c0ffee-{}", 1'000'000 + writes_); }

  librados::IoCtx& pool_;
  std::string name_;
  std::uint64_t length_ = 0;
  std::uint64_t writes_ = 0;
};

void run_lane(librados::IoCtx& pool, const std::string& name, const RadosProbeOptions& options, Clock::time_point end,
              Histogram& latency) {
  const librados::bufferlist content = text(std::string(options.bytes, 'x'));
  for (unsigned number = 0; Clock::now() < end; ++number) {
    Object object(pool, fmt::format("{}-{}", name, number));
    auto before = Clock::now();
    while (before < end && object.length() + options.bytes <= std::max(object_bytes, options.bytes)) {
      object.append(content);
      const auto after = Clock::now();
      latency.record(std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count());
      before = after;
    }
  }
}

}  // namespace

RadosProbe probe_rados(const RadosProbeOptions& options) {
  librados::Rados cluster;
  must(cluster.init("admin"), "librados");
  must(cluster.conf_read_file(options.configuration_file.c_str()), "the configuration of Ceph");
  must(cluster.connect(), "connecting to Ceph");
  librados::IoCtx pool;
  must(cluster.ioctx_create(options.pool.c_str(), pool), "the pool");
  pool.set_namespace("weir-bench");
  std::vector<Histogram> latencies(options.lanes);
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  {
    std::vector<std::jthread> threads;
    for (unsigned lane = 0; lane < options.lanes; ++lane) {
      threads.emplace_back(
          [&, lane] { run_lane(pool, fmt::format("probe-{}-{}", getpid(), lane), options, end, latencies[lane]); });
    }
  }
  RadosProbe probe;
  probe.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  for (const Histogram& latency : latencies) probe.latency.add(latency);
  pool.close();
  cluster.shutdown();
  return probe;
}

}  // namespace weir::bench
