#include "env/runtime.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/log.h"
#include "env/process.h"
#include "env/real/blocking_pool.h"
#include "env/real/core.h"

namespace weir::env {
namespace real {
namespace {

// Of the background core's thread ("nice", beyond what the process has). Beside one that never rests it has a tenth of
// a processor: what it serves goes on, and who waits for all cores, as a new shard map does, waits for some 30 ms. With
// 19 both would be ten times worse.
constexpr int background_priority = 10;
// And the time that it asks to run at a stretch, the longest there is: who asks for less, as all do that ask for
// nothing, runs at once when it wakes up (Linux from 6.12 on; kernels before it do not look).
constexpr std::uint64_t background_slice_ns = 100'000'000;

// Of the calling thread alone, as Linux has it. To give way is always allowed; where it is not, nothing is lost but
// that.
void give_way() noexcept {
  const auto self = static_cast<id_t>(::gettid());
  ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + background_priority);
  // struct sched_attr, version 0: the C library has neither it nor the call.
  struct {
    std::uint32_t size = 48;
    std::uint32_t policy = 0;
    std::uint64_t flags = 0x08;  // SCHED_FLAG_KEEP_POLICY
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = background_slice_ns;
    std::uint64_t deadline_ns = 0;
    std::uint64_t period_ns = 0;
  } attributes;
  attributes.nice = ::getpriority(PRIO_PROCESS, self);
  static_assert(sizeof attributes == 48);
  ::syscall(SYS_sched_setattr, self, &attributes, 0U);
}

class RealRuntime final : public Runtime {
 public:
  explicit RealRuntime(const RealRuntimeOptions& options)
      : blocking_threads_(options.blocking_threads),
        core_count_(options.cores),
        pool_(blocking_gauge(options.metrics)) {
    WEIR_ASSERT(options.cores > 0 && options.blocking_threads > 0);
    // A peer that hangs up shows in the result of the write, and must not end the process.
    std::signal(SIGPIPE, SIG_IGN);
    for (std::uint32_t i = 0; i < options.cores + (options.background_core ? 1 : 0); ++i)
      cores_.push_back(std::make_unique<RealCore>(i, pool_));
  }

  [[nodiscard]] std::uint32_t core_count() const noexcept override { return core_count_; }
  [[nodiscard]] Core* background_core() noexcept override {
    return cores_.size() > core_count_ ? cores_[core_count_].get() : nullptr;
  }
  [[nodiscard]] Core& core(std::uint32_t index) noexcept override {
    WEIR_ASSERT(index < cores_.size());
    return *cores_[index];
  }

  [[nodiscard]] int run(std::function<Task<int>()> main) override {
    int exit_code = 1;
    std::vector<std::thread> threads;
    try {
      pool_.start(blocking_threads_);
      for (std::size_t i = 1; i < cores_.size(); ++i) threads.emplace_back([this, i] { run_core(i); });
      cores_[0]->run([&] { spawn(run_main(*this, main, exit_code)); });
    } catch (const std::system_error&) {
      log_error("env", "cannot start", {{"error", no_more_threads().error().message}});
      stop_cores();
    }
    for (std::thread& thread : threads) thread.join();
    pool_.stop();
    return exit_code;
  }

 private:
  static Gauge* blocking_gauge(MetricsRegistry* metrics) {
    if (metrics == nullptr) return nullptr;
    return &metrics->gauge("weir_env_blocking_jobs", "Calls that wait for a thread of the blocking pool.");
  }

  // Runs on core 0 and ends there, wherever `main` ends.
  static Task<void> run_main(RealRuntime& runtime, const std::function<Task<int>()>& main, int& exit_code) {
    const int code = co_await main();
    co_await runtime.core(0).enter();
    exit_code = code;
    runtime.stop_cores();
  }

  void run_core(std::size_t index) {
    const bool in_background = index >= core_count_;
    pthread_setname_np(pthread_self(),
                       in_background ? "weir-background" : ("weir-core-" + std::to_string(index)).c_str());
    if (in_background) give_way();
    cores_[index]->run(nullptr);
  }

  void stop_cores() noexcept {
    for (const auto& core : cores_) core->stop();
  }

  const std::uint32_t blocking_threads_;
  const std::uint32_t core_count_;
  BlockingPool pool_;
  std::vector<std::unique_ptr<RealCore>> cores_;
};

}  // namespace
}  // namespace real

std::unique_ptr<Runtime> make_real_runtime(const RealRuntimeOptions& options) {
  return std::make_unique<real::RealRuntime>(options);
}

}  // namespace weir::env
