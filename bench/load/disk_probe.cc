#include "load/disk_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include "load/load.h"

namespace weir::bench {
namespace {

constexpr std::uint64_t file_bytes = 256ULL << 20;
constexpr std::uint64_t zero_bytes = 1ULL << 20;

void write_at(int file, const std::vector<char>& data, std::uint64_t offset) {
  if (pwrite(file, data.data(), data.size(), static_cast<off_t>(offset)) != static_cast<ssize_t>(data.size())) {
    fail(fmt::format("writing the probe file: {}", std::strerror(errno)));
  }
}

}  // namespace

DiskProbe probe_disk(const std::string& directory, std::uint64_t bytes, double seconds) {
  const std::string path = directory + "/weir-bench-probe";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) fail(fmt::format("{}: {}", path, std::strerror(errno)));
  const std::vector<char> zeroes(zero_bytes);
  for (std::uint64_t offset = 0; offset < file_bytes; offset += zero_bytes) write_at(file, zeroes, offset);
  fsync(file);
  const std::vector<char> data(bytes, 'x');
  DiskProbe probe{.latency = {}, .bytes_each = bytes};
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  auto before = std::chrono::steady_clock::now();
  for (std::uint64_t offset = 0; before < end && offset + bytes <= file_bytes; offset += bytes) {
    write_at(file, data, offset);
    if (fdatasync(file) != 0) fail(fmt::format("fdatasync: {}", std::strerror(errno)));
    const auto after = std::chrono::steady_clock::now();
    probe.latency.record(std::chrono::duration_cast<std::chrono::nanoseconds>(after - before).count());
    before = after;
  }
  close(file);
  unlink(path.c_str());
  return probe;
}

}  // namespace weir::bench
