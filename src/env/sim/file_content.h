// FileContent: the bytes of one simulated file, as the disk has them and as the page cache has them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "env/sim/seeded_random.h"

namespace weir::env {

inline constexpr std::size_t sector_bytes = 512;
using Sector = std::array<std::byte, sector_bytes>;

// Two layers of sectors: durable ones, and cached ones above them that a reader sees instead. A sector in neither reads
// as zeros, so a preallocated file of zeros costs nothing. One thread.
class FileContent {
 public:
  // What a reader sees as the file's size, and what it would be if every unsynced change were lost.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint64_t durable_size() const noexcept { return durable_size_; }
  [[nodiscard]] bool is_dirty() const noexcept;

  // Fills `out` from `offset`; the caller keeps the range within size().
  void read(std::uint64_t offset, MutableBytes out) const;
  // Changes the page cache only; a gap before `offset` becomes zeros.
  void write(std::uint64_t offset, BytesView bytes);
  // Changes the page cache only. What lies beyond a smaller size reads as zeros should the file grow again.
  void truncate(std::uint64_t size);

  // Everything becomes durable.
  void sync();
  // What the kernel may do at any time: some dirty sectors become durable, each by the toss of a coin.
  void write_back_some(SeededRandom& random);
  // A failed fsync as Linux file systems do it: each dirty sector is either written or marked clean without having
  // been written. Readers still see the new bytes; the disk does not have them, and a later sync will not write them.
  void fail_sync_dropping(SeededRandom& random);
  // Power is lost: each dirty sector is kept with `keep_probability`, the page cache is gone, and the size is one of
  // those that the file has had since its last sync. With `tear`, one dirty sector becomes half old, half new; returns
  // whether there was one to tear.
  bool lose_power(SeededRandom& random, double keep_probability, bool tear);

  // Changes one durable byte under everyone's feet. A cached sector still hides it. False when beyond durable_size().
  bool flip(std::uint64_t offset, std::byte mask);

 private:
  struct CachedSector {
    Sector bytes{};
    bool dirty = false;
  };
  using CachedSectors = std::map<std::uint64_t, CachedSector>;

  void write_sector(std::uint64_t number, std::size_t begin, BytesView bytes);
  [[nodiscard]] CachedSector& cache(std::uint64_t number);
  void make_durable(std::uint64_t number, const Sector& bytes);
  void tear_sector(SeededRandom& random, std::uint64_t number, const Sector& bytes);
  void set_size(std::uint64_t size);
  void cut_durable(std::uint64_t size);

  std::map<std::uint64_t, Sector> durable_;
  CachedSectors cached_;
  std::uint64_t size_ = 0;
  std::uint64_t durable_size_ = 0;
  std::vector<std::uint64_t> unsynced_sizes_;  // since the last sync, oldest first
};

}  // namespace weir::env
