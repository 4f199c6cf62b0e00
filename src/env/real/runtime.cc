#include "env/runtime.h"

#include <pthread.h>

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

class RealRuntime final : public Runtime {
 public:
  explicit RealRuntime(const RealRuntimeOptions& options)
      : blocking_threads_(options.blocking_threads),
        has_background_(options.background_thread),
        pool_(blocking_gauge(options.metrics)),
        background_(nullptr, BlockingPool::Priority::gives_way) {
    WEIR_ASSERT(options.cores > 0 && options.blocking_threads > 0);
    // A peer that hangs up shows in the result of the write, and must not end the process.
    std::signal(SIGPIPE, SIG_IGN);
    for (std::uint32_t i = 0; i < options.cores; ++i)
      cores_.push_back(std::make_unique<RealCore>(i, pool_, has_background_ ? background_ : pool_));
  }

  [[nodiscard]] std::uint32_t core_count() const noexcept override { return static_cast<std::uint32_t>(cores_.size()); }
  [[nodiscard]] Core& core(std::uint32_t index) noexcept override {
    WEIR_ASSERT(index < cores_.size());
    return *cores_[index];
  }

  [[nodiscard]] int run(std::function<Task<int>()> main) override {
    int exit_code = 1;
    std::vector<std::thread> threads;
    try {
      pool_.start(blocking_threads_);
      if (has_background_) background_.start(1);
      for (std::size_t i = 1; i < cores_.size(); ++i) threads.emplace_back([this, i] { run_core(i); });
      cores_[0]->run([&] { spawn(run_main(*this, main, exit_code)); });
    } catch (const std::system_error&) {
      log_error("env", "cannot start", {{"error", no_more_threads().error().message}});
      stop_cores();
    }
    for (std::thread& thread : threads) thread.join();
    pool_.stop();
    background_.stop();
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
    pthread_setname_np(pthread_self(), ("weir-core-" + std::to_string(index)).c_str());
    cores_[index]->run(nullptr);
  }

  void stop_cores() noexcept {
    for (const auto& core : cores_) core->stop();
  }

  const std::uint32_t blocking_threads_;
  const bool has_background_;
  BlockingPool pool_;
  BlockingPool background_;
  std::vector<std::unique_ptr<RealCore>> cores_;
};

}  // namespace
}  // namespace real

std::unique_ptr<Runtime> make_real_runtime(const RealRuntimeOptions& options) {
  return std::make_unique<real::RealRuntime>(options);
}

}  // namespace weir::env
