#include "env/sim/file_content.h"

#include <algorithm>
#include <cstring>

namespace weir::env {
namespace {

constexpr std::size_t unsynced_sizes_max = 64;

constexpr Sector zeros{};

// `bytes` lies within one sector.
bool is_zero(BytesView bytes) noexcept { return std::memcmp(bytes.data(), zeros.data(), bytes.size()) == 0; }

// Copies the part of `sector` that overlaps `out`, which starts at `offset` of the file.
void copy_overlap(std::uint64_t number, const Sector& sector, std::uint64_t offset, MutableBytes out) {
  const std::uint64_t sector_begin = number * sector_bytes;
  const std::uint64_t begin = std::max(offset, sector_begin);
  const std::uint64_t end = std::min(offset + out.size(), sector_begin + sector_bytes);
  std::memcpy(out.data() + (begin - offset), sector.data() + (begin - sector_begin), end - begin);
}

}  // namespace

bool FileContent::is_dirty() const noexcept {
  return size_ != durable_size_ || std::ranges::any_of(cached_, [](const auto& entry) { return entry.second.dirty; });
}

void FileContent::read(std::uint64_t offset, MutableBytes out) const {
  if (out.empty()) return;
  std::ranges::fill(out, std::byte{0});
  const std::uint64_t first = offset / sector_bytes;
  const std::uint64_t last = (offset + out.size() - 1) / sector_bytes;
  for (auto at = durable_.lower_bound(first); at != durable_.end() && at->first <= last; ++at) {
    copy_overlap(at->first, at->second, offset, out);
  }
  for (auto at = cached_.lower_bound(first); at != cached_.end() && at->first <= last; ++at) {
    copy_overlap(at->first, at->second.bytes, offset, out);
  }
}

void FileContent::write(std::uint64_t offset, BytesView bytes) {
  const std::uint64_t end = offset + bytes.size();
  while (!bytes.empty()) {
    const std::size_t begin = offset % sector_bytes;
    const std::size_t length = std::min(bytes.size(), sector_bytes - begin);
    write_sector(offset / sector_bytes, begin, bytes.first(length));
    bytes = bytes.subspan(length);
    offset += length;
  }
  if (end > size_) set_size(end);
}

void FileContent::write_sector(std::uint64_t number, std::size_t begin, BytesView bytes) {
  if (!cached_.contains(number) && !durable_.contains(number) && is_zero(bytes)) return;
  CachedSector& sector = cache(number);
  std::memcpy(sector.bytes.data() + begin, bytes.data(), bytes.size());
  sector.dirty = true;
}

FileContent::CachedSector& FileContent::cache(std::uint64_t number) {
  const auto [at, inserted] = cached_.try_emplace(number);
  if (inserted) {
    if (const auto stored = durable_.find(number); stored != durable_.end()) at->second.bytes = stored->second;
  }
  return at->second;
}

void FileContent::truncate(std::uint64_t size) {
  if (size < size_) {
    const std::uint64_t first_gone = (size + sector_bytes - 1) / sector_bytes;
    const std::size_t kept = size % sector_bytes;
    if (kept != 0) {
      write_sector(size / sector_bytes, kept, BytesView(zeros).subspan(kept));
    }
    cached_.erase(cached_.lower_bound(first_gone), cached_.end());
    for (auto at = durable_.lower_bound(first_gone); at != durable_.end(); ++at) {
      cached_.emplace(at->first, CachedSector{.bytes = {}, .dirty = true});
    }
  }
  if (size != size_) set_size(size);
}

void FileContent::set_size(std::uint64_t size) {
  size_ = size;
  if (unsynced_sizes_.size() == unsynced_sizes_max) unsynced_sizes_.erase(unsynced_sizes_.begin());
  unsynced_sizes_.push_back(size);
}

void FileContent::make_durable(std::uint64_t number, const Sector& bytes) {
  if (is_zero(bytes)) {
    durable_.erase(number);
  } else {
    durable_.insert_or_assign(number, bytes);
  }
}

void FileContent::sync() {
  for (auto at = cached_.begin(); at != cached_.end();) {
    if (!at->second.dirty) {
      ++at;  // dropped by a failed sync: still only in the cache
      continue;
    }
    make_durable(at->first, at->second.bytes);
    at = cached_.erase(at);
  }
  durable_size_ = size_;
  unsynced_sizes_.clear();
}

void FileContent::write_back_some(SeededRandom& random) {
  for (auto at = cached_.begin(); at != cached_.end();) {
    if (!at->second.dirty || !random.coin()) {
      ++at;
      continue;
    }
    make_durable(at->first, at->second.bytes);
    at = cached_.erase(at);
  }
}

void FileContent::fail_sync_dropping(SeededRandom& random) {
  write_back_some(random);
  for (auto& [number, sector] : cached_) sector.dirty = false;
  if (random.coin()) {
    durable_size_ = size_;
    unsynced_sizes_.clear();
  }
}

void FileContent::tear_sector(SeededRandom& random, std::uint64_t number, const Sector& bytes) {
  Sector torn{};
  if (const auto stored = durable_.find(number); stored != durable_.end()) torn = stored->second;
  const std::size_t cut = random.between(1, sector_bytes - 1);
  if (random.coin()) {
    std::memcpy(torn.data(), bytes.data(), cut);
  } else {
    std::memcpy(torn.data() + cut, bytes.data() + cut, sector_bytes - cut);
  }
  make_durable(number, torn);
}

bool FileContent::lose_power(SeededRandom& random, double keep_probability, bool tear) {
  std::vector<std::uint64_t> dirty;
  for (const auto& [number, sector] : cached_) {
    if (sector.dirty) dirty.push_back(number);
  }
  const bool torn = tear && !dirty.empty();
  const std::uint64_t torn_number = torn ? dirty[random.below(dirty.size())] : 0;
  for (const std::uint64_t number : dirty) {
    const Sector& bytes = cached_.at(number).bytes;
    if (torn && number == torn_number) {
      tear_sector(random, number, bytes);
    } else if (random.chance(keep_probability)) {
      make_durable(number, bytes);
    }
  }
  cached_.clear();
  if (!unsynced_sizes_.empty() && random.chance(keep_probability)) {
    durable_size_ = unsynced_sizes_[random.below(unsynced_sizes_.size())];
  }
  unsynced_sizes_.clear();
  cut_durable(durable_size_);
  size_ = durable_size_;
  return torn;
}

void FileContent::cut_durable(std::uint64_t size) {
  durable_.erase(durable_.lower_bound((size + sector_bytes - 1) / sector_bytes), durable_.end());
  const std::size_t kept = size % sector_bytes;
  if (const auto last = durable_.find(size / sector_bytes); kept != 0 && last != durable_.end()) {
    std::fill(last->second.begin() + static_cast<std::ptrdiff_t>(kept), last->second.end(), std::byte{0});
  }
}

bool FileContent::flip(std::uint64_t offset, std::byte mask) {
  if (offset >= durable_size_) return false;
  durable_[offset / sector_bytes][offset % sector_bytes] ^= mask;
  return true;
}

}  // namespace weir::env
