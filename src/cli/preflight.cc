#include "cli/preflight.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "journal/rados/rados_cluster.h"

namespace weir::cli {
namespace {

// Threads besides cores and blocking threads: the one that writes the log.
constexpr std::uint64_t other_threads = 1;
// Descriptors besides connections and segments: log, listeners, epoll, wake-ups, metadata store, lock, credentials.
constexpr std::uint64_t descriptors_per_core = 4;
constexpr std::uint64_t other_descriptors = 64;
// Segment files that a lane has in hand beside its store's cache of open ones.
constexpr std::uint64_t descriptors_per_lane = 4;
// A segment that was written to has a second one (env::OpenMode::read_write_uncached).
constexpr std::uint64_t descriptors_per_segment = 2;
// The program, its threads' stacks in use, the shard map of a full account.
constexpr std::uint64_t base_memory_bytes = 64 * mebibyte;

std::unexpected<Error> too_small(std::string_view limit, std::uint64_t value, std::uint64_t need,
                                 std::string_view advice) {
  return fail(ErrorCode::limit_exceeded, fmt::format("the system's limit on {} is {}, and this configuration may need "
                                                     "{}: {}",
                                                     limit, value, need, advice));
}

}  // namespace

WorstCase worst_case(const AllSettings& settings, std::uint32_t loops, std::uint32_t lanes) noexcept {
  WorstCase need;
  need.threads = loops + settings.server.blocking_threads.get() + other_threads;
  if (settings.fleet.engine.get() == "rados") need.threads += journal::rados_threads;
  need.descriptors = settings.net.connections_max.get() + loops * descriptors_per_core +
                     lanes * (descriptors_per_segment * settings.journal.open_files_max.get() + descriptors_per_lane) +
                     other_descriptors;
  need.memory_bytes = base_memory_bytes + settings.net.request_memory_bytes_max.get() +
                      settings.net.response_memory_bytes_max.get() + loops * settings.net.buffer_cache_bytes_max.get() +
                      settings.journal.tail_cache_bytes_max.get() + settings.journal.footer_cache_bytes_max.get() +
                      lanes * settings.cell.pending_bytes_max.get();
  return need;
}

Result<void> preflight(const WorstCase& need, const env::SystemLimits& limits, const env::ProcessUsage& usage) {
  if (limits.threads_max != env::unlimited && usage.threads + need.threads > limits.threads_max) {
    return too_small("threads (ulimit -u, or the control group's pids.max)", limits.threads_max,
                     usage.threads + need.threads, "raise it, or lower server.cores or server.blocking_threads");
  }
  if (need.descriptors > limits.descriptors_hard_max) {
    return too_small("open files (ulimit -Hn)", limits.descriptors_hard_max, need.descriptors,
                     "raise it, or lower net.connections_max");
  }
  if (need.memory_bytes > limits.memory_bytes) {
    return too_small("memory in bytes (the machine's, or the control group's memory.max)", limits.memory_bytes,
                     need.memory_bytes, "lower net.request_memory_bytes_max or net.response_memory_bytes_max");
  }
  if (need.memory_bytes > limits.address_space_bytes_max) {
    return too_small("address space in bytes (ulimit -v)", limits.address_space_bytes_max, need.memory_bytes,
                     "raise it, or lower net.request_memory_bytes_max");
  }
  return {};
}

}  // namespace weir::cli
