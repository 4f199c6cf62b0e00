// Runtime: all cores of one process, real or simulated.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/metrics.h"
#include "env/core.h"

namespace weir::env {

class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  virtual ~Runtime() = default;

  [[nodiscard]] virtual std::uint32_t core_count() const noexcept = 0;
  [[nodiscard]] virtual Core& core(std::uint32_t index) noexcept = 0;

  // Starts `main` on core 0 and runs every loop until it ends; then every loop stops. Call once, from the thread that
  // made the runtime. Returns main's exit code.
  [[nodiscard]] virtual int run(std::function<Task<int>()> main) = 0;
};

struct RealRuntimeOptions {
  std::uint32_t cores = 1;             // event loops, one thread each
  std::uint32_t blocking_threads = 2;  // for files and other calls that block, shared by all cores
  bool background_thread = false;      // for Core::run_in_background; without it the blocking threads do that, too
  MetricsRegistry* metrics = nullptr;  // where the runtime declares its own; may be null, must outlive the runtime
};
// Threads: exactly cores + blocking_threads + background_thread, the caller of run() among them. run() starts them and
// joins them before it returns; none is made in between. SIGPIPE is ignored from here on.
[[nodiscard]] std::unique_ptr<Runtime> make_real_runtime(const RealRuntimeOptions& options);

}  // namespace weir::env
