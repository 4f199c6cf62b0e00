#include "journal/rados/rados_segment_store.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "env/event.h"
#include "fmt/format.h"
#include "journal/rados/guarded_object.h"
#include "journal/rados/manifest.h"

namespace weir::journal {
namespace {

struct ObjectSegment {
  SegmentEntry entry;
  GuardedObject object;
  [[nodiscard]] std::uint64_t size_bytes() const noexcept {
    return entry.is_sealed ? entry.bytes : object.size_bytes();
  }
};
using ObjectSegmentPointer = std::shared_ptr<ObjectSegment>;

// At most so many reads at once; the others wait in order.
class ReadSlots {
 public:
  ReadSlots(env::Core& core, std::uint32_t count) : free_(count), freed_(core) {}
  [[nodiscard]] env::Task<void> take() {
    if (free_ > 0) {
      --free_;
    } else {
      static_cast<void>(co_await freed_.wait());  // handed over
    }
  }
  void give_back() noexcept {
    if (freed_.has_waiters()) {
      freed_.notify_one();
    } else {
      ++free_;
    }
  }

 private:
  std::uint32_t free_;
  env::Event freed_;
};

bool is_name(std::string_view text) noexcept {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= 200 && std::ranges::all_of(text, is_plain);
}

std::uint64_t bytes_of(std::span<const BytesView> parts) noexcept {
  std::uint64_t bytes = 0;
  for (const BytesView part : parts) bytes += part.size();
  return bytes;
}

// The bytes [offset, offset + length) of all parts together, as parts.
std::vector<BytesView> slice(std::span<const BytesView> parts, std::uint64_t offset, std::uint64_t length) {
  std::vector<BytesView> slices;
  for (BytesView part : parts) {
    if (offset >= part.size()) {
      offset -= part.size();
      continue;
    }
    part = part.subspan(offset);
    offset = 0;
    part = part.first(std::min<std::uint64_t>(part.size(), length));
    if (!part.empty()) slices.push_back(part);
    length -= part.size();
    if (length == 0) break;
  }
  return slices;
}

bool holds(BytesView content, std::span<const BytesView> parts) noexcept {
  if (content.size() != bytes_of(parts)) return false;
  for (const BytesView part : parts) {
    if (!std::ranges::equal(part, content.first(part.size()))) return false;
    content = content.subspan(part.size());
  }
  return true;
}

class RadosSegmentStore final : public SegmentStore {
 public:
  RadosSegmentStore(env::Core& core, ObjectPool& pool, RadosSegmentStoreOptions options)
      : options_(std::move(options)),
        writer_{core, pool, options_.epoch, core.random_u64(), options_.attempts_max},
        base_name_(fmt::format("{}.{}", options_.cell_name, options_.lane.value)),
        manifest_(writer_, base_name_ + ".manifest"),
        slots_(core, options_.reads_in_flight_max) {}

  [[nodiscard]] env::Task<Result<void>> open();

  env::Task<Result<std::vector<SegmentStatus>>> list() override;
  env::Task<Result<void>> create(SegmentNumber number, std::uint64_t capacity_bytes) override;
  env::Task<Result<void>> prepare(SegmentNumber number, std::uint64_t offset, std::uint64_t bytes) override;
  env::Task<Result<void>> append(SegmentNumber number, std::uint64_t offset, std::span<const BytesView> parts) override;
  env::Task<Result<std::size_t>> read(SegmentNumber number, std::uint64_t offset, MutableBytes out) override;
  env::Task<Result<void>> truncate(SegmentNumber number, std::uint64_t length_bytes) override;
  env::Task<Result<void>> replace(SegmentNumber number, std::span<const BytesView> parts) override;
  env::Task<Result<void>> remove(SegmentNumber number) override;
  env::Task<Result<env::DiskSpace>> space() override;

 private:
  [[nodiscard]] Result<ObjectSegmentPointer> find(SegmentNumber number) const;
  [[nodiscard]] env::Task<Result<ObjectSegmentPointer>> find_to_write(SegmentNumber number);
  [[nodiscard]] ObjectSegmentPointer make_segment(SegmentEntry entry);
  [[nodiscard]] std::string new_object_name(SegmentNumber number);
  [[nodiscard]] env::Task<Result<void>> set_entry(SegmentNumber number, SegmentEntry entry);
  [[nodiscard]] env::Task<Result<void>> write(ObjectSegment& segment, ObjectWrite change);
  [[nodiscard]] env::Task<Result<bool>> already_holds(const ObjectSegment& segment, std::uint64_t offset,
                                                      std::span<const BytesView> parts);
  [[nodiscard]] env::Task<Result<void>> reopen(SegmentNumber number, ObjectSegment& segment);
  [[nodiscard]] env::Task<Result<void>> copy(GuardedObject& object, std::span<const BytesView> parts);
  [[nodiscard]] env::Task<Result<void>> sweep();
  [[nodiscard]] env::Task<void> sweep_or_warn();
  [[nodiscard]] env::Task<env::DiskSpace> ask_for_space();

  RadosSegmentStoreOptions options_;
  ObjectWriter writer_;
  std::string base_name_;
  Manifest manifest_;
  ReadSlots slots_;
  std::map<SegmentNumber, ObjectSegmentPointer> segments_;
  std::vector<std::string> garbage_;  // noted in the manifest, and not just being made
  std::optional<env::DiskSpace> cluster_space_;
  MonotonicTime cluster_space_asked_{};
};

env::Task<Result<void>> RadosSegmentStore::open() {
  WEIR_CO_TRY(ManifestContent content, co_await manifest_.open());
  for (auto& [number, entry] : content.segments) {
    const ObjectSegmentPointer segment = make_segment(std::move(entry));
    if (!segment->entry.is_sealed) {
      auto raised = co_await segment->object.raise(EpochGuard::not_below);
      if (!raised && raised.error().code == ErrorCode::not_found) raised.error().code = ErrorCode::corrupt;
      if (!raised)
        co_return fail_while("taking over segment " + std::to_string(number.value), std::move(raised.error()));
    }
    segments_.emplace(number, segment);
  }
  garbage_ = std::move(content.garbage);
  co_await sweep_or_warn();
  co_return Result<void>{};
}

Result<ObjectSegmentPointer> RadosSegmentStore::find(SegmentNumber number) const {
  const auto at = segments_.find(number);
  if (at != segments_.end()) return at->second;
  return fail(ErrorCode::not_found, "no segment " + std::to_string(number.value));
}

// An object may be written only while the manifest calls it open for certain: a newer owner leaves sealed ones as they
// are.
env::Task<Result<ObjectSegmentPointer>> RadosSegmentStore::find_to_write(SegmentNumber number) {
  WEIR_CO_TRY(ObjectSegmentPointer segment, find(number));
  if (manifest_.is_in_doubt(segment_key(number))) WEIR_CO_CHECK(co_await manifest_.settle());
  co_return segment;
}

ObjectSegmentPointer RadosSegmentStore::make_segment(SegmentEntry entry) {
  std::string name = entry.object;
  return std::make_shared<ObjectSegment>(std::move(entry), GuardedObject(writer_, std::move(name)));
}

std::string RadosSegmentStore::new_object_name(SegmentNumber number) {
  const ObjectTag tag = writer_.next_tag();
  return fmt::format("{}.{}.{}", base_name_, number.value, to_string(tag));
}

env::Task<Result<void>> RadosSegmentStore::set_entry(SegmentNumber number, SegmentEntry entry) {
  ManifestChange change;
  change.set.emplace(segment_key(number), encode_segment_entry(entry));
  co_return co_await manifest_.change(std::move(change));
}

env::Task<Result<std::vector<SegmentStatus>>> RadosSegmentStore::list() {
  std::vector<SegmentStatus> listed;
  listed.reserve(segments_.size());
  for (const auto& [number, segment] : segments_) listed.push_back({number, segment->size_bytes()});
  co_return listed;
}

env::Task<Result<void>> RadosSegmentStore::create(SegmentNumber number, std::uint64_t capacity_bytes) {
  if (segments_.contains(number)) {
    co_return fail(ErrorCode::already_exists, "segment " + std::to_string(number.value) + " exists");
  }
  if (capacity_bytes > rados_segment_bytes_max) {
    co_return fail(ErrorCode::invalid_argument, "a segment of " + std::to_string(capacity_bytes) + " bytes");
  }
  const ObjectSegmentPointer segment = make_segment({false, new_object_name(number), capacity_bytes});
  const std::string garbage = garbage_key(segment->entry.object);
  ManifestChange announce;
  announce.set.emplace(garbage, "");
  WEIR_CO_CHECK(co_await manifest_.change(std::move(announce)));
  auto made = co_await segment->object.create({});
  if (made) {
    // Only this makes it a segment. Had a newer owner claimed the lane before, it would not have looked at the object.
    ManifestChange adopt;
    adopt.remove.push_back(garbage);
    adopt.set.emplace(segment_key(number), encode_segment_entry(segment->entry));
    made = co_await manifest_.change(std::move(adopt));
  }
  if (!made) {
    garbage_.push_back(segment->entry.object);
    co_return made;
  }
  segments_.emplace(number, segment);
  co_return made;
}

env::Task<Result<void>> RadosSegmentStore::prepare(SegmentNumber /*number*/, std::uint64_t /*offset*/,
                                                   std::uint64_t /*bytes*/) {
  co_return Result<void>{};
}

// A write of an object that is not there: gone because a newer owner removed it, or lost.
env::Task<Result<void>> RadosSegmentStore::write(ObjectSegment& segment, ObjectWrite change) {
  auto written = co_await segment.object.write(std::move(change));
  if (written || written.error().code != ErrorCode::not_found) co_return written;
  WEIR_CO_CHECK(co_await manifest_.check_owner());
  co_return fail(ErrorCode::io, segment.object.name() + ": the object is gone");
}

env::Task<Result<void>> RadosSegmentStore::append(SegmentNumber number, std::uint64_t offset,
                                                  std::span<const BytesView> parts) {
  WEIR_CO_TRY(const ObjectSegmentPointer segment, co_await find_to_write(number));
  const std::uint64_t bytes = bytes_of(parts);
  if (bytes > rados_append_bytes_max || offset + bytes > rados_segment_bytes_max) {
    co_return fail(ErrorCode::invalid_argument, fmt::format("an append of {} bytes at {}", bytes, offset));
  }
  if (segment->entry.is_sealed) {
    WEIR_CO_TRY(const bool is_there, co_await already_holds(*segment, offset, parts));
    if (is_there) co_return co_await manifest_.check_owner();
    WEIR_CO_CHECK(co_await reopen(number, *segment));
  }
  if (!segment->object.is_in_doubt() && offset > segment->object.size_bytes()) {
    co_return fail(ErrorCode::invalid_argument,
                   fmt::format("an append at {} to a segment of {} bytes", offset, segment->object.size_bytes()));
  }
  co_return co_await write(*segment, {.offset = offset, .parts = parts});
}

// Recovery writes the end of the newest segment again, for the sake of disks that may have lost it. An object that was
// acknowledged is on every copy's disk.
env::Task<Result<bool>> RadosSegmentStore::already_holds(const ObjectSegment& segment, std::uint64_t offset,
                                                         std::span<const BytesView> parts) {
  const std::uint64_t bytes = bytes_of(parts);
  if (offset + bytes > segment.entry.bytes) co_return false;
  std::vector<std::byte> content(bytes);
  const auto got = co_await writer_.pool.read(writer_.core, segment.entry.object, offset, content);
  if (!got) co_return object_failure(segment.entry.object, got.error());
  co_return holds(BytesView(content).first(*got), parts);
}

env::Task<Result<void>> RadosSegmentStore::reopen(SegmentNumber number, ObjectSegment& segment) {
  SegmentEntry entry = segment.entry;
  entry.is_sealed = false;
  WEIR_CO_CHECK(co_await set_entry(number, entry));
  auto raised = co_await segment.object.raise(EpochGuard::not_below);
  if (!raised) co_return raised;
  segment.entry = std::move(entry);
  co_return Result<void>{};
}

env::Task<Result<std::size_t>> RadosSegmentStore::read(SegmentNumber number, std::uint64_t offset, MutableBytes out) {
  if (out.empty()) co_return std::size_t{0};
  co_await slots_.take();
  auto found = find(number);
  ObjectResult<std::size_t> got = std::size_t{0};
  if (found) got = co_await writer_.pool.read(writer_.core, (*found)->entry.object, offset, out);
  slots_.give_back();
  if (!found) co_return std::unexpected(std::move(found.error()));
  if (!got) co_return object_failure((*found)->entry.object, got.error());
  co_return *got;
}

env::Task<Result<void>> RadosSegmentStore::truncate(SegmentNumber number, std::uint64_t length_bytes) {
  WEIR_CO_TRY(const ObjectSegmentPointer segment, co_await find_to_write(number));
  if (segment->entry.is_sealed) {
    if (length_bytes == segment->entry.bytes) co_return co_await manifest_.check_owner();
    WEIR_CO_CHECK(co_await reopen(number, *segment));
  }
  // The last write ended all that were in flight before it, so an object that has its length already needs no other.
  if (segment->object.is_in_doubt() || segment->object.size_bytes() != length_bytes) {
    WEIR_CO_CHECK(co_await write(*segment, {.truncate_to = length_bytes}));
  }
  SegmentEntry sealed{true, segment->entry.object, length_bytes};
  WEIR_CO_CHECK(co_await set_entry(number, sealed));
  segment->entry = std::move(sealed);
  co_return Result<void>{};
}

env::Task<Result<void>> RadosSegmentStore::replace(SegmentNumber number, std::span<const BytesView> parts) {
  WEIR_CO_TRY(const ObjectSegmentPointer old, find(number));
  const std::uint64_t bytes = bytes_of(parts);
  if (bytes > rados_segment_bytes_max) co_return fail(ErrorCode::invalid_argument, "a segment that large");
  const ObjectSegmentPointer next = make_segment({true, new_object_name(number), bytes});
  const std::string garbage = garbage_key(next->entry.object);
  ManifestChange announce;
  announce.set.emplace(garbage, "");
  WEIR_CO_CHECK(co_await manifest_.change(std::move(announce)));
  auto replaced = co_await copy(next->object, parts);
  if (replaced) {
    ManifestChange switch_over;
    switch_over.remove.push_back(garbage);
    switch_over.set.emplace(garbage_key(old->entry.object), "");
    switch_over.set.emplace(segment_key(number), encode_segment_entry(next->entry));
    replaced = co_await manifest_.change(std::move(switch_over));
  }
  if (!replaced) {
    garbage_.push_back(next->entry.object);
    co_return replaced;
  }
  segments_[number] = next;
  garbage_.push_back(old->entry.object);
  co_await sweep_or_warn();
  co_return Result<void>{};
}

env::Task<Result<void>> RadosSegmentStore::copy(GuardedObject& object, std::span<const BytesView> parts) {
  const std::uint64_t bytes = bytes_of(parts);
  std::vector<BytesView> part = slice(parts, 0, options_.copy_bytes);
  WEIR_CO_CHECK(co_await object.create({.parts = part}));
  for (std::uint64_t offset = options_.copy_bytes; offset < bytes; offset += options_.copy_bytes) {
    part = slice(parts, offset, options_.copy_bytes);
    WEIR_CO_CHECK(co_await object.write({.offset = offset, .parts = part}));
  }
  co_return Result<void>{};
}

env::Task<Result<void>> RadosSegmentStore::remove(SegmentNumber number) {
  if (const auto found = find(number)) {
    const std::string object = (*found)->entry.object;
    ManifestChange change;
    change.remove.push_back(segment_key(number));
    change.set.emplace(garbage_key(object), "");
    WEIR_CO_CHECK(co_await manifest_.change(std::move(change)));
    segments_.erase(number);
    garbage_.push_back(object);
  }
  co_return co_await sweep();
}

// Removes what belongs to nobody. Once the manifest says so under this owner, nobody will ever want it back.
env::Task<Result<void>> RadosSegmentStore::sweep() {
  WEIR_CO_CHECK(co_await manifest_.settle());
  std::vector<std::string> objects = std::exchange(garbage_, {});
  ManifestChange change;
  Result<void> outcome;
  for (std::string& object : objects) {
    const auto removed = co_await writer_.pool.write(writer_.core, object, {.remove = true});
    if (removed || removed.error().kind == ObjectFailure::not_found) {
      change.remove.push_back(garbage_key(object));
    } else {
      if (outcome) outcome = object_failure(object, removed.error());
      garbage_.push_back(std::move(object));
    }
  }
  if (change.remove.empty()) co_return outcome;
  // Entries that stay for nothing are found again by the next opening.
  auto forgotten = co_await manifest_.change(std::move(change));
  if (outcome) outcome = std::move(forgotten);
  co_return outcome;
}

env::Task<void> RadosSegmentStore::sweep_or_warn() {
  if (garbage_.empty()) co_return;
  if (const auto swept = co_await sweep(); !swept) {
    log_warning("journal", "objects not removed yet",
                {{"lane", options_.lane.value}, {"objects", garbage_.size()}, {"error", swept.error().message}});
  }
}

env::Task<Result<env::DiskSpace>> RadosSegmentStore::space() {
  std::uint64_t used = 0;
  std::uint64_t promised = 0;  // to open segments, beyond what they hold
  for (const auto& [number, segment] : segments_) {
    const std::uint64_t size = segment->size_bytes();
    used += size;
    if (!segment->entry.is_sealed) promised += std::max(segment->entry.bytes, size) - size;
  }
  env::DiskSpace space;
  if (options_.capacity_bytes > 0) {
    space = {options_.capacity_bytes, options_.capacity_bytes - std::min(options_.capacity_bytes, used)};
  } else {
    space = co_await ask_for_space();
  }
  space.available_bytes -= std::min(space.available_bytes, promised);
  co_return space;
}

// What the cluster said last; no limit while it says nothing. This is to stop in good time: a cluster that is really
// full refuses the writes.
env::Task<env::DiskSpace> RadosSegmentStore::ask_for_space() {
  constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max() / 2;
  const MonotonicTime now = writer_.core.now();
  if (cluster_space_ && now - cluster_space_asked_ < options_.space_refresh) co_return *cluster_space_;
  auto asked = co_await writer_.pool.space(writer_.core);
  cluster_space_asked_ = writer_.core.now();
  if (asked) {
    cluster_space_ = *asked;
  } else if (!cluster_space_) {
    log_warning("journal", "the cluster does not say how much room it has",
                {{"lane", options_.lane.value}, {"error", asked.error().message}});
    cluster_space_ = env::DiskSpace{no_limit, no_limit};
  }
  co_return *cluster_space_;
}

}  // namespace

env::Task<Result<std::unique_ptr<SegmentStore>>> open_rados_segment_store(env::Core& core, ObjectPool& pool,
                                                                          RadosSegmentStoreOptions options) {
  WEIR_ASSERT(options.epoch.value > 0 && options.attempts_max > 0 && options.reads_in_flight_max > 0 &&
              options.copy_bytes > 0 && options.copy_bytes <= rados_append_bytes_max);
  if (!is_name(options.cell_name)) co_return fail(ErrorCode::invalid_argument, "cell name: " + options.cell_name);
  auto store = std::make_unique<RadosSegmentStore>(core, pool, std::move(options));
  WEIR_CO_CHECK(co_await store->open());
  co_return std::unique_ptr<SegmentStore>(std::move(store));
}

}  // namespace weir::journal
