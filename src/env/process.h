// The process as a whole: signals, what the system grants it, what it uses. For the command line and the preflight;
// nothing here is simulated.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "env/core.h"
#include "env/task.h"

namespace weir::env {

enum class ProcessSignal : std::uint8_t {
  terminate,  // SIGTERM
  interrupt,  // SIGINT
  hangup,     // SIGHUP
};

// Catches SIGTERM, SIGINT and SIGHUP for as long as it lives; afterwards they do what they do by default. At most one
// per process, on one core, destroyed while nobody waits.
class SignalSource {
 public:
  SignalSource() = default;
  SignalSource(const SignalSource&) = delete;
  SignalSource& operator=(const SignalSource&) = delete;
  virtual ~SignalSource() = default;

  // The next signal; those that came since the last one was given are not lost. Empty after close().
  [[nodiscard]] virtual Task<std::optional<ProcessSignal>> wait_for_signal() = 0;
  // A wait under way comes back empty.
  virtual void close() noexcept = 0;
};

// On `core`, which must be one of a real runtime. Errors: io.
[[nodiscard]] Result<std::unique_ptr<SignalSource>> make_signal_source(Core& core);

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

// What the system grants; `unlimited` where it sets no limit or does not tell.
struct SystemLimits {
  std::uint32_t hardware_cores = 1;  // that this process may use
  std::uint64_t descriptors_soft_max = unlimited;
  std::uint64_t descriptors_hard_max = unlimited;
  std::uint64_t threads_max = unlimited;  // of this user (RLIMIT_NPROC) or of the control group, whichever is less
  std::uint64_t address_space_bytes_max = unlimited;
  std::uint64_t memory_bytes = unlimited;     // of the machine or of the control group, whichever is less
  std::uint64_t memory_maps_max = unlimited;  // vm.max_map_count
};

// What the process uses now. All read from /proc; 0 where that is not readable.
struct ProcessUsage {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t threads = 0;
  std::uint64_t memory_maps = 0;
};

// These read a few small files of /proc and /sys, which do not block: for the start and for a scrape, not for every
// request. Any thread.
[[nodiscard]] SystemLimits system_limits();
[[nodiscard]] ProcessUsage process_usage();

// What to say when the system refused a thread: limit_exceeded, naming the limits that bound threads and their values.
[[nodiscard]] std::unexpected<Error> no_more_threads();

// Whether the system would give so many threads more at this moment: starts them all and lets them end again. For a
// library that cannot live without its own. Errors: as no_more_threads(). Any thread that may block for a moment.
[[nodiscard]] Result<void> try_threads(std::uint32_t count);

// Gives memory back to the system that was freed a while ago (ten seconds, bit by bit). To be called every few seconds:
// the heap does it by itself only while it is used. Any thread that may block for some milliseconds.
void give_back_freed_memory() noexcept;

// Raises the soft limit on descriptors to the hard one. Returns the limit that holds now. Errors: io.
[[nodiscard]] Result<std::uint64_t> raise_descriptor_limit();

// The bits of `mask` are taken from the permissions of every file made from now on. At start, before other threads.
void set_file_creation_mask(std::uint32_t mask) noexcept;

// Empty when the variable is not set. At start, before other threads.
[[nodiscard]] std::optional<std::string> environment_variable(const std::string& name);

// Standard input and output, which may be a terminal, a pipe or a file; waiting for them happens off the loop, in a
// thread of the blocking pool that is taken until then. One call at a time for each.
//
// Reads what there is, at least one byte and at most out.size(), which is not 0; 0 at the end of the input. Errors: io.
[[nodiscard]] Task<Result<std::size_t>> read_standard_input(Core& core, MutableBytes out);
// Writes all of `text`. Errors: closed when whoever read the output has gone; no_space; io.
[[nodiscard]] Task<Result<void>> write_standard_output(Core& core, std::string text);

// "localhost" where the system tells none. Any thread.
[[nodiscard]] std::string host_name();

}  // namespace weir::env
