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

  // The cores among which work is divided have the indices from 0 to core_count() - 1.
  [[nodiscard]] virtual std::uint32_t core_count() const noexcept = 0;
  // Behind them there may be one more, with index core_count(), that serves who takes more than his part: its thread
  // gives way to those of the others. Null where there is none.
  [[nodiscard]] virtual Core* background_core() noexcept { return nullptr; }
  // For what every core has of its own: how many there are, the background core among them.
  [[nodiscard]] std::uint32_t loop_count() noexcept { return core_count() + (background_core() != nullptr ? 1 : 0); }
  [[nodiscard]] virtual Core& core(std::uint32_t index) noexcept = 0;  // index < loop_count()

  // Starts `main` on core 0 and runs every loop until it ends; then every loop stops. Call once, from the thread that
  // made the runtime. Returns main's exit code.
  [[nodiscard]] virtual int run(std::function<Task<int>()> main) = 0;
};

struct RealRuntimeOptions {
  std::uint32_t cores = 1;             // event loops, one thread each
  std::uint32_t blocking_threads = 2;  // for files and other calls that block, shared by all cores
  bool background_core = false;        // one more loop, on a thread that gives way
  MetricsRegistry* metrics = nullptr;  // where the runtime declares its own; may be null, must outlive the runtime
};
// Threads: exactly cores + background_core + blocking_threads, the caller of run() among them. run() starts them and
// joins them before it returns; none is made in between. SIGPIPE is ignored from here on.
[[nodiscard]] std::unique_ptr<Runtime> make_real_runtime(const RealRuntimeOptions& options);

}  // namespace weir::env
