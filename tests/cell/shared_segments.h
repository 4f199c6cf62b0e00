// Segments that several nodes of a simulation share, as they share a pool of objects: every write is guarded by the
// lane's epoch at the moment at which it takes effect.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "cell/lane/lane_access.h"
#include "env/core.h"
#include "env/sim/seeded_random.h"
#include "tests/journal/memory_segment_store.h"

namespace weir::cell {

// Outlives the nodes.
class SharedSegments {
 public:
  struct Lane {
    journal::MemorySegmentStore::Segments segments;
    Epoch epoch;
  };

  explicit SharedSegments(std::uint64_t seed) : random_(seed, 7) {}

  [[nodiscard]] OpenStore opener();
  [[nodiscard]] Duration some_latency() {
    return microseconds(static_cast<std::int64_t>(20 + random_.below(400))) * (random_.below(20) == 0 ? 20 : 1);
  }

 private:
  friend class SharedSegmentStore;
  env::SeededRandom random_;
  std::map<LaneId, Lane> lanes_;
};

class SharedSegmentStore final : public journal::MemorySegmentStore {
 public:
  SharedSegmentStore(env::Core& core, SharedSegments& shared, SharedSegments::Lane& lane, Epoch epoch)
      : MemorySegmentStore(lane.segments), core_(core), shared_(shared), lane_(lane), epoch_(epoch) {}

  env::Task<Result<void>> create(SegmentNumber number, std::uint64_t capacity_bytes) override {
    return guarded(MemorySegmentStore::create(number, capacity_bytes));
  }
  env::Task<Result<void>> append(SegmentNumber number, std::uint64_t offset,
                                 std::span<const BytesView> parts) override {
    return guarded(MemorySegmentStore::append(number, offset, parts));
  }
  env::Task<Result<void>> truncate(SegmentNumber number, std::uint64_t length_bytes) override {
    return guarded(MemorySegmentStore::truncate(number, length_bytes));
  }
  env::Task<Result<void>> replace(SegmentNumber number, std::span<const BytesView> parts) override {
    return guarded(MemorySegmentStore::replace(number, parts));
  }
  env::Task<Result<void>> remove(SegmentNumber number) override { return guarded(MemorySegmentStore::remove(number)); }

 private:
  // The way there, the effect or the refusal, the way back.
  env::Task<Result<void>> guarded(env::Task<Result<void>> effect) {
    co_await core_.sleep_for(shared_.some_latency());
    Result<void> result = fail(ErrorCode::fenced, "a newer epoch owns the lane");
    if (lane_.epoch == epoch_) result = co_await std::move(effect);
    co_await core_.sleep_for(shared_.some_latency());
    co_return result;
  }

  env::Core& core_;
  SharedSegments& shared_;
  SharedSegments::Lane& lane_;
  Epoch epoch_;
};

inline OpenStore SharedSegments::opener() {
  return [this](env::Core& core, LaneId lane, Epoch epoch) {
    return [](env::Core& on, SharedSegments& shared, LaneId id,
              Epoch with) -> env::Task<Result<std::unique_ptr<journal::SegmentStore>>> {
      co_await on.sleep_for(shared.some_latency());
      Lane& content = shared.lanes_[id];
      if (content.epoch >= with) co_return fail(ErrorCode::fenced, "a newer epoch owns the lane");
      content.epoch = with;
      co_return std::make_unique<SharedSegmentStore>(on, shared, content, with);
    }(core, *this, lane, epoch);
  };
}

}  // namespace weir::cell
