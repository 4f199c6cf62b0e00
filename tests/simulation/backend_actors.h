// Who uses the back end in a simulated life: writers, readers, those who split and merge, and misfortune.
#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/backend_world.h"

namespace weir::simulation {

// --- Writers

struct OutgoingFragment {
  ShardKey shard;
  std::vector<std::uint64_t> ids;
};

// Encodes 1 to 8 new records for `shard`.
inline std::pair<cell::AppendRequest, OutgoingFragment> make_request(Process& process, ShardKey shard) {
  env::SeededRandom& random = process.world.random;
  OutgoingFragment outgoing{.shard = shard};
  const auto count = static_cast<std::uint32_t>(1 + random.below(random.below(4) == 0 ? 8 : 1));
  std::vector<std::string> data;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t bytes = random.below(random.below(20) == 0 ? 60'000 : 600);
    outgoing.ids.push_back(process.world.model.send(shard, bytes));
    data.push_back(BackendModel::data_of(outgoing.ids.back(), bytes));
  }
  journal::FragmentBuilder builder(shard, count, 0);
  for (const std::string& each : data) builder.add("key", std::nullopt, as_bytes(each));
  return {cell::AppendRequest{std::move(builder).finish()}, std::move(outgoing)};
}

inline void settle(Process& process, const OutgoingFragment& sent, const cell::AppendReply& reply) {
  EXPECT_EQ(reply.accepted == 0, reply.refusal != cell::Refusal::none);
  EXPECT_LE(reply.accepted, sent.ids.size());
  for (std::size_t i = 0; i < sent.ids.size(); ++i) {
    if (i < reply.accepted) {
      process.world.model.acknowledge(sent.ids[i], {reply.first_index.value + i}, reply.arrival);
    } else {
      process.world.model.refuse(sent.ids[i], reply.refusal == cell::Refusal::failed);
    }
  }
}

// One call to one lane, with up to three shards of it.
inline env::Task<void> write_once(Process& process, env::Core& core) {
  const auto stream = process.some_stream();
  if (stream == nullptr || stream->open_by_hash.empty()) co_return;
  env::SeededRandom& random = process.world.random;
  const LaneId lane = stream->shards[stream->open_by_hash[random.below(stream->open_by_hash.size())]].lane;
  std::vector<cell::AppendRequest> requests;
  std::vector<OutgoingFragment> sent;
  for (const std::uint32_t place : stream->open_by_hash) {
    if (stream->shards[place].lane != lane || sent.size() == 3) continue;
    auto [request, outgoing] = make_request(process, stream->key_of(stream->shards[place]));
    requests.push_back(std::move(request));
    sent.push_back(std::move(outgoing));
  }
  const auto replies = co_await process.cell->append(core, lane, std::move(requests));
  EXPECT_TRUE(core.is_current());
  EXPECT_EQ(replies.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) settle(process, sent[i], replies[i]);
}

inline env::Task<void> write(Process& process, env::Core& core) {
  co_await core.enter();
  while (!process.is_stopping()) {
    co_await write_once(process, core);
    co_await core.sleep_for(process.some_time(5'000));
  }
  co_await process.home.enter();
}

// --- Readers

// What `result` holds, told to the model.
inline std::vector<ReadRecord> take_in(Process& process, ShardKey shard, const journal::ReadResult& result) {
  std::vector<ReadRecord> records;
  for (const journal::FragmentSlice& slice : result.slices) {
    std::uint32_t ordinal = 0;
    slice.fragment.for_each([&](const journal::RecordView& record) {
      if (ordinal >= slice.skip) {
        const std::string_view data = as_text(record.data);
        ReadRecord read{.index = record.index, .arrival = record.arrival, .id = ~std::uint64_t{0}};
        std::from_chars(data.data(), data.data() + data.size(), read.id);
        process.world.model.saw(shard, read, data);
        records.push_back(read);
      }
      return ++ordinal < slice.skip + slice.count;
    });
  }
  EXPECT_EQ(records.size(), result.record_count);
  return records;
}

// Reads `shard` from `start` until it ends, is gone, or the process stops. True when it has ended.
inline env::Task<bool> walk(Process& process, env::Core& core, LaneId lane, ShardKey shard, RecordIndex start) {
  process.world.walks.push_back({.shard = shard, .start = start, .position = start});
  Walk& walked = process.world.walks.back();
  while (!process.is_stopping()) {
    const auto records_max = static_cast<std::uint32_t>(1 + process.world.random.below(100));
    const cell::ReadReply reply = co_await process.cell->read(core, lane,
                                                              {.shard = shard,
                                                               .from = walked.position,
                                                               .records_max = records_max,
                                                               .bytes_max = 1 + process.world.random.below(100'000)});
    if (reply.refusal == cell::Refusal::not_mine) co_return false;
    EXPECT_NE(reply.refusal, cell::Refusal::failed) << reply.reason;
    if (reply.refusal == cell::Refusal::none) {
      for (const ReadRecord& record : take_in(process, shard, reply.result)) {
        EXPECT_GE(record.index, walked.position);
        walked.seen.push_back(record.index);
      }
      EXPECT_GE(reply.result.next, walked.position);
      walked.position = reply.result.next;
      walked.ended = reply.shard_ended;
      if (walked.ended) co_return true;
    }
    co_await core.sleep_for(process.some_time(20'000));
  }
  co_return false;
}

inline env::Task<void> read_some_shard(Process& process, env::Core& core) {
  auto stream = process.some_stream();
  if (stream == nullptr || stream->shards.empty()) co_return;
  const directory::Shard* shard = &stream->shards[process.world.random.below(stream->shards.size())];
  constexpr cell::StartFrom starts[] = {cell::StartFrom::trim_horizon, cell::StartFrom::latest,
                                        cell::StartFrom::timestamp};
  const cell::LocateReply located =
      co_await process.cell->locate(core, shard->lane, stream->key_of(*shard), starts[process.world.random.below(3)],
                                    core.wall_now() - milliseconds(100));
  if (located.refusal != cell::Refusal::none) co_return;
  RecordIndex start = located.position;
  // From parent to child, as a consumer goes.
  while (co_await walk(process, core, shard->lane, stream->key_of(*shard), start)) {
    const auto newer = process.routes.map()->find(stream->id);
    const directory::Shard* ended = newer != nullptr ? newer->find_shard(shard->index) : nullptr;
    if (ended == nullptr || ended->children.empty()) break;
    const ShardIndex child = ended->children[process.world.random.below(ended->children.size())];
    stream = newer;
    shard = stream->find_shard(child);
    if (shard == nullptr) break;
    start = {};
  }
}

inline env::Task<void> read(Process& process, env::Core& core) {
  co_await core.enter();
  while (!process.is_stopping()) {
    co_await read_some_shard(process, core);
    co_await core.sleep_for(process.some_time(50'000));
  }
  co_await process.home.enter();
}

// --- The control plane

inline env::Task<void> change_something(Process& process) {
  World& world = process.world;
  const auto stream = process.some_stream();
  if (stream == nullptr || world.random.below(20) == 0) {
    const std::string name = "stream-" + std::to_string(world.random.below(4));
    const auto created = co_await process.directory->create_stream(
        {.scope = scope, .name = name, .shard_count = static_cast<std::uint32_t>(1 + world.random.below(4))});
    if (created.has_value()) world.streams_wanted.insert(name);
    co_return;
  }
  const std::uint64_t choice = world.random.below(20);
  if (choice == 0) {
    world.streams_wanted.erase(stream->name);  // also when the outcome is unknown
    static_cast<void>(co_await process.directory->delete_stream(scope, stream->name));
    co_return;
  }
  if (stream->open_by_hash.empty()) co_return;
  const std::size_t place = world.random.below(stream->open_by_hash.size());
  const directory::Shard& shard = stream->shards[stream->open_by_hash[place]];
  if (choice <= 10 && stream->open_by_hash.size() < 8) {
    const HashKey middle{shard.first_hash.value + (shard.last_hash.value - shard.first_hash.value) / 2};
    static_cast<void>(co_await process.directory->split_shard(scope, stream->name, shard.index, middle));
  } else if (place + 1 < stream->open_by_hash.size()) {
    const ShardIndex neighbour = stream->shards[stream->open_by_hash[place + 1]].index;
    static_cast<void>(co_await process.directory->merge_shards(scope, stream->name, shard.index, neighbour));
  }
}

inline env::Task<void> govern(Process& process) {
  while (!process.is_stopping()) {
    co_await change_something(process);
    co_await process.home.sleep_for(process.some_time(100'000));
  }
}

// --- Misfortune

inline void hurt_the_disk(World& world) {
  using env::DiskFault;
  using env::DiskOperation;
  env::FaultRule rule{.path_contains = "lane-", .nth = 1 + world.random.below(5)};
  switch (world.random.below(5)) {
    case 0: rule.operation = DiskOperation::sync, rule.fault = DiskFault::io_error; break;
    case 1: rule.operation = DiskOperation::sync, rule.fault = DiskFault::drop_dirty; break;
    case 2: rule.operation = DiskOperation::write, rule.fault = DiskFault::io_error; break;
    case 3: rule.operation = DiskOperation::create, rule.fault = DiskFault::io_error; break;
    default: rule.operation = DiskOperation::sync, rule.fault = DiskFault::delay, rule.delay = milliseconds(300); break;
  }
  world.disk.add_fault(rule);
}

inline void step_clock(Process& process) {
  World& world = process.world;
  const auto minutes = static_cast<std::int64_t>(world.random.below(world.random.below(10) == 0 ? 26 * 60 : 60));
  const Duration step = std::chrono::minutes(world.random.below(2) == 0 ? minutes : -minutes);
  world.model.note_clock(process.home.wall_now());
  process.simulation.step_wall_clock(step);
  world.model.note_clock(process.home.wall_now());
}

inline env::Task<void> misfortune(Process& process) {
  World& world = process.world;
  while (!process.is_stopping()) {
    co_await process.home.sleep_for(process.some_time(400'000));
    switch (world.random.below(6)) {
      case 0: step_clock(process); break;
      case 1:
        world.disk.set_capacity(world.disk.used_bytes() + world.random.below(6 * mebibyte));
        co_await process.home.sleep_for(process.some_time(400'000));
        world.disk.set_capacity(disk_bytes);
        break;
      case 2: world.disk.clear_faults(); break;
      default: hurt_the_disk(world); break;
    }
  }
}

}  // namespace weir::simulation
