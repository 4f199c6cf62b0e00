// The RADOS store's protocol, against a pool in memory that loses answers and lets writes happen late.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/task_group.h"
#include "gtest/gtest.h"
#include "journal/rados/manifest.h"
#include "journal/rados/object_tag.h"
#include "journal/rados/rados_segment_store.h"
#include "tests/journal/lane_model.h"
#include "tests/journal/memory_object_pool.h"
#include "tests/journal/rados_test_support.h"
#include "tests/support/simulation_test.h"

namespace weir::journal {
namespace {

using Fate = MemoryObjectPool::Fate;

// --- What is written down.

TEST(RadosTag, SurvivesItsTextAndNothingElseDoes) {
  const ObjectTag tag{{7}, 0xc0ffee, 12};
  EXPECT_EQ(to_string(tag), "7-0000000000c0ffee-12");
  EXPECT_EQ(parse_object_tag(to_string(tag)), tag);
  for (const char* bad : {"", "7", "7-12", "7-c0ffee-12", "07-0000000000c0ffee-12", "7-0000000000C0FFEE-12",
                          "7-0000000000c0ffee-", "-0000000000c0ffee-12", "7-0000000000c0ffee-12 ",
                          "7-0000000000c0ffeg-12", "7-0000000000c0ffee-99999999999999999999"}) {
    EXPECT_FALSE(parse_object_tag(bad).has_value()) << bad;
  }
}

TEST(RadosTag, AWriteOfUnknownOutcomeIsJudgedByWhatTheObjectSays) {
  const ObjectTag mine{{7}, 0xa, 20};  // the attempts were given the counters from 20 on
  const auto judged = [&mine](std::uint64_t epoch, ObjectTag tag) { return judge({{epoch}, tag}, mine); };
  EXPECT_EQ(judged(7, {{7}, 0xa, 20}), Verdict::applied);
  EXPECT_EQ(judged(7, {{7}, 0xa, 22}), Verdict::applied);
  EXPECT_EQ(judged(7, {{7}, 0xa, 19}), Verdict::retry);
  EXPECT_EQ(judged(8, {{8}, 0xb, 1}), Verdict::fenced);
  EXPECT_EQ(judged(8, {{7}, 0xa, 20}), Verdict::fenced);
  EXPECT_EQ(judged(7, {{7}, 0xb, 20}), Verdict::fenced);
  EXPECT_EQ(judged(6, {{6}, 0xc, 99}), Verdict::not_ours);
}

TEST(RadosManifest, EntriesSurviveTheirText) {
  for (const SegmentEntry& entry : {SegmentEntry{false, "a.3.7.7-0-1", 65536}, SegmentEntry{true, "x", 0}}) {
    const auto parsed = parse_segment_entry(encode_segment_entry(entry));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, entry);
  }
  for (const char* bad : {"", "open", "open x", "open  5", "shut x 5", "open x y 5", "open x 5 ", "sealed x -1"}) {
    EXPECT_EQ(parse_segment_entry(bad).error().code, ErrorCode::corrupt) << bad;
  }
}

TEST(RadosManifest, UnknownContentIsRefused) {
  using Entries = std::map<std::string, std::string>;
  const auto code = [](const Entries& entries) { return parse_manifest(entries).error().code; };
  EXPECT_EQ(code({}), ErrorCode::corrupt);
  EXPECT_EQ(code({{"format", "2"}}), ErrorCode::unsupported);
  EXPECT_EQ(code({{"format", "1"}, {"segments", ""}}), ErrorCode::corrupt);
  EXPECT_EQ(code({{"format", "1"}, {"segment.7", "open x 1"}}), ErrorCode::corrupt);
  EXPECT_EQ(code({{"format", "1"}, {segment_key({7}), "x"}}), ErrorCode::corrupt);
  const auto content = parse_manifest({{"format", "1"},
                                       {segment_key({0}), "open a 1"},
                                       {segment_key({~std::uint64_t{0}}), "sealed b 2"},
                                       {"garbage.c", ""}});
  ASSERT_TRUE(content.has_value());
  EXPECT_EQ(content->segments.at({0}), (SegmentEntry{false, "a", 1}));
  EXPECT_EQ(content->segments.at({~std::uint64_t{0}}), (SegmentEntry{true, "b", 2}));
  EXPECT_EQ(content->garbage, std::vector<std::string>{"c"});
}

// --- The store.

// Runs `body` in a simulation with a pool.
using Body = std::function<env::Task<void>(env::Core&, MemoryObjectPool&)>;
void with_pool(const Body& body, std::uint64_t seed = 1) {
  const SilentLog silent;
  test::run_simulation(seed, [&](env::Core& core) -> env::Task<void> {
    MemoryObjectPool pool(core, seed);
    co_await body(core, pool);
    co_await pool.wait();
  });
}

TEST(RadosSegmentStore, SegmentLivesFromCreationToRemoval) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto store = co_await open_rados(core, pool, 1);
    EXPECT_TRUE((co_await (*store)->create({7}, 4096)).has_value());
    EXPECT_EQ((co_await (*store)->create({7}, 4096)).error().code, ErrorCode::already_exists);
    EXPECT_TRUE((co_await (*store)->prepare({7}, 0, 4096)).has_value());
    EXPECT_EQ(co_await read_text(**store, 7), "");
    EXPECT_TRUE((co_await append(**store, 7, 0, "hello ")).has_value());
    EXPECT_TRUE((co_await append(**store, 7, 6, "world!!!")).has_value());
    EXPECT_TRUE((co_await append(**store, 7, 11, "?")).has_value());  // as the sealing of a segment does
    EXPECT_TRUE((co_await (*store)->truncate({7}, 12)).has_value());
    EXPECT_EQ(co_await read_text(**store, 7), "hello world?");
    EXPECT_EQ((co_await append(**store, 7, 100, "hole")).error().code, ErrorCode::invalid_argument);
    const std::string next(2000, 'n');
    EXPECT_TRUE((co_await replace(**store, 7, next)).has_value());
    EXPECT_EQ(co_await read_text(**store, 7), next);
    const auto listed = co_await (*store)->list();
    EXPECT_EQ(listed->at(0).allocated_bytes, 2000U);
    EXPECT_EQ(pool.objects.size(), 2U);  // the old content is gone
    EXPECT_TRUE((co_await (*store)->remove({7})).has_value());
    EXPECT_TRUE((co_await (*store)->remove({7})).has_value());
    EXPECT_EQ(co_await read_text(**store, 7), "error: not_found");
    EXPECT_EQ(pool.objects.size(), 1U);
    EXPECT_EQ(pool.objects.begin()->second.entries.size(), 1U);  // the format
  });
}

TEST(RadosSegmentStore, EpochIsClaimedOnce) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    EXPECT_TRUE((co_await open_rados(core, pool, 5)).has_value());
    EXPECT_EQ((co_await open_rados(core, pool, 5)).error().code, ErrorCode::fenced);
    EXPECT_EQ((co_await open_rados(core, pool, 4)).error().code, ErrorCode::fenced);
    EXPECT_TRUE((co_await open_rados(core, pool, 6)).has_value());
  });
}

TEST(RadosSegmentStore, OvertakenStoreChangesNothing) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto old_store = co_await open_rados(core, pool, 1);
    for (std::uint64_t number = 1; number <= 2; ++number) {
      EXPECT_TRUE((co_await (*old_store)->create({number}, 4096)).has_value());
      EXPECT_TRUE((co_await append(**old_store, number, 0, "content")).has_value());
    }
    EXPECT_TRUE((co_await (*old_store)->truncate({1}, 7)).has_value());
    auto new_store = co_await open_rados(core, pool, 2);
    const auto before = pool.objects;
    for (std::uint64_t number = 1; number <= 2; ++number) {  // a sealed one and an open one
      EXPECT_EQ((co_await append(**old_store, number, 7, "x")).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await append(**old_store, number, 0, "content")).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await (*old_store)->truncate({number}, 7)).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await (*old_store)->truncate({number}, 3)).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await replace(**old_store, number, "y")).error().code, ErrorCode::fenced);
      EXPECT_EQ((co_await (*old_store)->remove({number})).error().code, ErrorCode::fenced);
    }
    EXPECT_EQ((co_await (*old_store)->create({3}, 4096)).error().code, ErrorCode::fenced);
    EXPECT_EQ(pool.objects, before);
    EXPECT_TRUE((co_await append(**new_store, 2, 7, "!")).has_value());
    EXPECT_EQ((co_await append(**old_store, 2, 7, "x")).error().code, ErrorCode::fenced);
    EXPECT_TRUE((co_await (*new_store)->remove({2})).has_value());
    EXPECT_EQ((co_await append(**old_store, 2, 7, "x")).error().code, ErrorCode::fenced);
  });
}

// Each write that an owner has in flight when it is overtaken, one after the other: the nth write of a run of all kinds
// is held back and let go after the next owner has opened the lane.
TEST(RadosSegmentStore, NothingThatAnOldOwnerHasInFlightReachesTheNewOne) {
  const auto live = [](SegmentStore& store) -> env::Task<void> {
    static_cast<void>(co_await store.create({2}, 4096));
    static_cast<void>(co_await append(store, 1, 7, "more"));
    static_cast<void>(co_await store.truncate({1}, 9));
    static_cast<void>(co_await append(store, 1, 9, "opened again"));
    static_cast<void>(co_await store.truncate({1}, 12));
    static_cast<void>(co_await replace(store, 1, std::string(1500, 'r')));
    static_cast<void>(co_await append(store, 2, 0, "tail"));
    static_cast<void>(co_await store.remove({1}));
  };
  int held_at_all = 0;
  for (int held = 0;; ++held) {
    bool was_held = false;
    with_pool([&](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
      auto old_store = co_await open_rados(core, pool, 1);
      static_cast<void>(co_await (*old_store)->create({1}, 4096));
      static_cast<void>(co_await append(**old_store, 1, 0, "content"));
      int count = 0;
      // From the one that is held on nothing gets through: the owner is cut off.
      pool.choose = [&](const std::string&, const ObjectWrite&) {
        const int at = count++;
        if (at == held) return Fate::held;
        return at < held ? Fate::answered : Fate::request_lost;
      };
      co_await live(**old_store);
      pool.choose = nullptr;
      was_held = pool.held() > 0;
      auto new_store = co_await open_rados(core, pool, 2);
      EXPECT_TRUE(new_store.has_value());
      const auto listed = co_await (*new_store)->list();
      std::map<std::uint64_t, std::string> before;
      for (const SegmentStatus& status : *listed) {
        before[status.number.value] = co_await read_text(**new_store, status.number.value);
        EXPECT_EQ(before[status.number.value].size(), status.allocated_bytes);
      }
      static_cast<void>(pool.release_held());
      for (const auto& [number, text] : before) {
        EXPECT_EQ(co_await read_text(**new_store, number), text) << "write " << held << ", segment " << number;
        EXPECT_TRUE((co_await append(**new_store, number, text.size(), "mine")).has_value());
      }
      EXPECT_EQ((co_await (*old_store)->create({3}, 4096)).error().code, ErrorCode::fenced);
    });
    if (!was_held) break;
    held_at_all = held + 1;
    ASSERT_FALSE(HasFailure()) << "with write " << held << " in flight";
  }
  EXPECT_GE(held_at_all, 15);
}

// Segments whose last change is in doubt: a crash at that point leaves a lane that opens, with content of before or
// after.
TEST(RadosSegmentStore, LaneOpensWhereverItsOwnerStopped) {
  for (const Fate last : {Fate::answer_lost, Fate::request_lost}) {
    for (int stop_at = 0; stop_at < 40 && !HasFailure(); ++stop_at) {
      with_pool([&](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
        int count = 0;
        pool.choose = [&](const std::string&, const ObjectWrite&) {
          const int at = count++;
          if (at == stop_at) return last;
          return at < stop_at ? Fate::answered : Fate::request_lost;
        };
        if (auto store = co_await open_rados(core, pool, 1)) {
          static_cast<void>(co_await (*store)->create({1}, 4096));
          static_cast<void>(co_await append(**store, 1, 0, "content"));
          static_cast<void>(co_await (*store)->truncate({1}, 7));
          static_cast<void>(co_await (*store)->create({2}, 4096));
          static_cast<void>(co_await replace(**store, 1, "con"));
          static_cast<void>(co_await (*store)->remove({2}));
        }
        pool.choose = nullptr;
        auto store = co_await open_rados(core, pool, 2);
        EXPECT_TRUE(store.has_value()) << (store ? "" : store.error().message);
        if (!store) co_return;
        const auto listed = co_await (*store)->list();
        for (const SegmentStatus& status : *listed) {
          const std::string text = co_await read_text(**store, status.number.value);
          EXPECT_TRUE(text.empty() || text == "content" || text == "con") << text;
          EXPECT_EQ(text.size(), status.allocated_bytes);
        }
        EXPECT_EQ(pool.objects.size(), 1 + listed->size()) << "objects that belong to nobody";
      });
    }
  }
}

TEST(RadosSegmentStore, LostAnswerIsReportedAsSuccessAndNothingIsDoubled) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto store = co_await open_rados(core, pool, 1);
    EXPECT_TRUE((co_await (*store)->create({1}, 4096)).has_value());
    int count = 0;
    pool.choose = [&count](const std::string&, const ObjectWrite&) {
      return count++ == 0 ? Fate::answer_lost : Fate::answered;
    };
    const std::uint64_t before = pool.writes;
    EXPECT_TRUE((co_await append(**store, 1, 0, "once")).has_value());
    EXPECT_EQ(pool.writes, before + 1);
    count = 0;
    pool.choose = [&count](const std::string&, const ObjectWrite&) {
      return count++ == 0 ? Fate::held : Fate::answered;
    };
    EXPECT_TRUE((co_await append(**store, 1, 4, " more")).has_value());
    EXPECT_FALSE(pool.release_held()) << "the attempt that was given up took effect behind the one that succeeded";
    EXPECT_EQ(co_await read_text(**store, 1), "once more");
  });
}

TEST(RadosSegmentStore, SilentClusterIsReportedAndTheStoreGoesOnAfterwards) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto store = co_await open_rados(core, pool, 1);
    EXPECT_TRUE((co_await (*store)->create({1}, 4096)).has_value());
    pool.choose = [](const std::string&, const ObjectWrite&) { return Fate::held; };
    EXPECT_EQ((co_await append(**store, 1, 0, "late")).error().code, ErrorCode::io);
    EXPECT_EQ((co_await (*store)->create({2}, 4096)).error().code, ErrorCode::io);
    pool.choose = nullptr;
    EXPECT_TRUE((co_await append(**store, 1, 0, "next")).has_value());
    EXPECT_TRUE((co_await (*store)->remove({2})).has_value());
    static_cast<void>(pool.release_held());
    EXPECT_EQ(co_await read_text(**store, 1), "next");
    auto next_store = co_await open_rados(core, pool, 2);
    EXPECT_EQ((co_await (*next_store)->list())->size(), 1U);
    EXPECT_EQ(co_await read_text(**next_store, 1), "next");
  });
}

TEST(RadosSegmentStore, WhatWasGivenUpDoesNotReachASealedSegment) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto store = co_await open_rados(core, pool, 1);
    EXPECT_TRUE((co_await (*store)->create({1}, 4096)).has_value());
    EXPECT_TRUE((co_await append(**store, 1, 0, "content")).has_value());
    pool.choose = [](const std::string&, const ObjectWrite&) { return Fate::held; };
    EXPECT_EQ((co_await append(**store, 1, 7, "late")).error().code, ErrorCode::io);
    pool.choose = nullptr;
    EXPECT_TRUE((co_await (*store)->truncate({1}, 7)).has_value());
    EXPECT_FALSE(pool.release_held());
    EXPECT_EQ(co_await read_text(**store, 1), "content");
  });
}

// The change of the manifest that makes a segment is given up, and happens before, or instead of, its undoing.
TEST(RadosSegmentStore, SegmentWhoseCreationWasGivenUpDoesNotAppear) {
  for (const bool happens : {false, true}) {
    with_pool([happens](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
      auto store = co_await open_rados(core, pool, 1);
      int count = 0;
      pool.choose = [&count](const std::string&, const ObjectWrite&) {
        return count++ < 2 ? Fate::answered : Fate::held;
      };
      EXPECT_EQ((co_await (*store)->create({1}, 4096)).error().code, ErrorCode::io);
      pool.choose = nullptr;
      if (happens) EXPECT_TRUE(pool.release_held());
      EXPECT_TRUE((co_await (*store)->remove({1})).has_value());
      EXPECT_FALSE(pool.release_held());
      EXPECT_EQ(pool.objects.size(), 1U);
      auto next_store = co_await open_rados(core, pool, 2);
      EXPECT_TRUE((co_await (*next_store)->list())->empty());
    });
  }
}

TEST(RadosSegmentStore, FullClusterRefusesWritesOnly) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto store = co_await open_rados(core, pool, 1);
    EXPECT_TRUE((co_await (*store)->create({1}, 4096)).has_value());
    EXPECT_TRUE((co_await append(**store, 1, 0, "content")).has_value());
    pool.is_full = true;
    EXPECT_EQ((co_await append(**store, 1, 7, "x")).error().code, ErrorCode::no_space);
    EXPECT_EQ((co_await (*store)->create({2}, 4096)).error().code, ErrorCode::no_space);
    EXPECT_EQ(co_await read_text(**store, 1), "content");
    auto next_store = co_await open_rados(core, pool, 2);
    EXPECT_TRUE(next_store.has_value());
    EXPECT_TRUE((co_await (*next_store)->truncate({1}, 3)).has_value());
    EXPECT_TRUE((co_await (*next_store)->remove({1})).has_value());
    pool.is_full = false;
    EXPECT_TRUE((co_await (*next_store)->create({3}, 4096)).has_value());
  });
}

TEST(RadosSegmentStore, OpenSegmentsCountWithWhatTheyMayBecome) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto store = co_await open_rados(core, pool, 1, 10'000);
    EXPECT_TRUE((co_await (*store)->create({1}, 4000)).has_value());
    EXPECT_TRUE((co_await append(**store, 1, 0, "1234")).has_value());
    EXPECT_EQ((co_await (*store)->space())->available_bytes, 6000U);
    EXPECT_TRUE((co_await (*store)->truncate({1}, 4)).has_value());
    EXPECT_EQ((co_await (*store)->space())->available_bytes, 9996U);
  });
}

TEST(RadosSegmentStore, LostObjectOfAnOpenSegmentIsReported) {
  with_pool([](env::Core& core, MemoryObjectPool& pool) -> env::Task<void> {
    auto store = co_await open_rados(core, pool, 1);
    EXPECT_TRUE((co_await (*store)->create({1}, 4000)).has_value());
    std::erase_if(pool.objects, [](const auto& entry) { return entry.second.entries.empty(); });
    EXPECT_EQ((co_await append(**store, 1, 0, "x")).error().code, ErrorCode::io);
    EXPECT_EQ((co_await open_rados(core, pool, 2)).error().code, ErrorCode::corrupt);
  });
}

}  // namespace
}  // namespace weir::journal
