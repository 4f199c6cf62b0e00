#include "env/process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "env/real/descriptor.h"
#include "env/real/errors.h"

namespace weir::env {
namespace {

// The files read here fit in this, /proc/self/maps apart, which is counted piece by piece.
constexpr std::size_t piece_bytes = 64 * kibibyte;

// Gives the file to `take` in pieces; false when it cannot be read.
template <class Take>
bool read_pieces(const std::string& path, Take take) {
  const real::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return false;
  std::string piece(piece_bytes, '\0');
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    take(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
  }
}

std::string read_small_file(const std::string& path) {
  std::string content;
  const bool whole = read_pieces(path, [&](std::string_view piece) {
    if (content.size() < piece_bytes) content.append(piece);
  });
  return whole ? content : "";
}

// The number at the start of `text`; `otherwise` when there is none ("max").
std::uint64_t leading_number(std::string_view text, std::uint64_t otherwise) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() ? number : otherwise;
}

// The number after `key` in a file of lines such as "MemTotal:   16303428 kB".
std::uint64_t number_after(std::string_view content, std::string_view key, std::uint64_t otherwise) {
  const std::size_t at = content.find(key);
  return at == std::string_view::npos ? otherwise : leading_number(content.substr(at + key.size()), otherwise);
}

// The least value that the process's control group or one above it sets in its file `name` (cgroup v2).
std::uint64_t control_group_limit(const std::string& name) {
  const std::string membership = read_small_file("/proc/self/cgroup");
  const std::size_t start = membership.find("0::/");
  if (start == std::string::npos) return unlimited;
  std::string group = membership.substr(start + 3, membership.find('\n', start) - start - 3);
  std::uint64_t least = unlimited;
  while (!group.empty()) {
    const std::string folder = group == "/" ? "" : group;
    std::string path = "/sys/fs/cgroup";
    path.append(folder).append("/").append(name);
    least = std::min(least, leading_number(read_small_file(path), unlimited));
    const std::size_t slash = folder.rfind('/');
    if (slash == std::string::npos) break;
    group = slash == 0 ? "/" : folder.substr(0, slash);
  }
  return least;
}

std::uint64_t limit_value(rlim_t value) { return value == RLIM_INFINITY ? unlimited : value; }

rlimit resource_limit(__rlimit_resource resource) {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  ::getrlimit(resource, &limit);
  return limit;
}

std::uint64_t count_entries(const char* path) {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count;
}

std::uint32_t usable_cores() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  if (::sched_getaffinity(0, sizeof(usable), &usable) == 0) return static_cast<std::uint32_t>(CPU_COUNT(&usable));
  return static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace

SystemLimits system_limits() {
  const rlimit descriptors = resource_limit(RLIMIT_NOFILE);
  const std::uint64_t memory_kib = number_after(read_small_file("/proc/meminfo"), "MemTotal:", unlimited / 1024);
  return SystemLimits{
      .hardware_cores = usable_cores(),
      .descriptors_soft_max = limit_value(descriptors.rlim_cur),
      .descriptors_hard_max = limit_value(descriptors.rlim_max),
      .threads_max = std::min(limit_value(resource_limit(RLIMIT_NPROC).rlim_cur), control_group_limit("pids.max")),
      .address_space_bytes_max = limit_value(resource_limit(RLIMIT_AS).rlim_cur),
      .memory_bytes = std::min(memory_kib * 1024, control_group_limit("memory.max")),
      .memory_maps_max = leading_number(read_small_file("/proc/sys/vm/max_map_count"), unlimited),
  };
}

std::unexpected<Error> no_more_threads() {
  const auto text = [](std::uint64_t limit) { return limit == unlimited ? "unlimited" : std::to_string(limit); };
  return fail(
      ErrorCode::limit_exceeded,
      "the system gives this process no more threads: of the user's threads and processes (ulimit -u) it allows " +
          text(limit_value(resource_limit(RLIMIT_NPROC).rlim_cur)) + ", of the control group's (pids.max) " +
          text(control_group_limit("pids.max")) + ". Raise the limit, or end others that count against it");
}

Result<void> try_threads(std::uint32_t count) {
  std::latch all_there(1);
  std::vector<std::jthread> threads;
  threads.reserve(count);
  Result<void> outcome;
  try {
    for (std::uint32_t i = 0; i < count; ++i) threads.emplace_back([&all_there] { all_there.wait(); });
  } catch (const std::system_error&) {
    outcome = no_more_threads();
  }
  all_there.count_down();
  threads.clear();  // joins them, before what they wait on goes
  return outcome;
}

ProcessUsage process_usage() {
  const std::string status = read_small_file("/proc/self/status");
  std::uint64_t maps = 0;
  read_pieces("/proc/self/maps",
              [&](std::string_view piece) { maps += static_cast<std::uint64_t>(std::ranges::count(piece, '\n')); });
  const std::uint64_t descriptors = count_entries("/proc/self/fd");
  return ProcessUsage{
      .resident_bytes = number_after(status, "VmRSS:", 0) * 1024,
      .open_descriptors = descriptors > 0 ? descriptors - 1 : 0,  // without the one that counted
      .threads = number_after(status, "Threads:", 0),
      .memory_maps = maps,
  };
}

Result<std::uint64_t> raise_descriptor_limit() {
  rlimit limit = resource_limit(RLIMIT_NOFILE);
  if (limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return std::unexpected(real::file_error(errno, "setrlimit", "NOFILE"));
  }
  return limit_value(limit.rlim_cur);
}

void set_file_creation_mask(std::uint32_t mask) noexcept { ::umask(static_cast<mode_t>(mask)); }

std::optional<std::string> environment_variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): no other thread yet
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::string host_name() {
  std::array<char, 256> name{};
  const bool known = ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0';
  return known ? name.data() : "localhost";
}

}  // namespace weir::env
