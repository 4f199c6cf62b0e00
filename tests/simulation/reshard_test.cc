// Shards are split and merged under load while the owners of their lanes die, lose them or come back, and directories
// with them, at every step of the work (docs/decisions/0025-closing-a-shard.md).
#include <map>

#include "gtest/gtest.h"
#include "tests/simulation/reshard_world.h"
#include "tests/support/simulation_test.h"

namespace weir::simulation {
namespace {

// What one writer knows of a record it sent.
struct Sent {
  std::string text;
  ShardIndex shard;
  bool acknowledged = false;
  RecordIndex index;
};

struct Writer {
  HashKey key;  // of all its records
  std::string name;
  std::vector<Sent> sent;
};

struct Clients {
  std::vector<Writer> writers{6};
  bool stop = false;
};

env::Task<void> write(ReshardWorld& world, Clients& clients, Writer& writer) {
  env::Core& home = world.home();
  while (!clients.stop) {
    const auto stream = world.stream();
    const directory::Shard* const shard = stream == nullptr ? nullptr : stream->open_shard_for(writer.key);
    if (shard == nullptr) {
      co_await home.sleep_for(milliseconds(1));
      continue;
    }
    const std::string text = writer.name + std::to_string(writer.sent.size());
    writer.sent.push_back({.text = text, .shard = shard->index});
    const auto replies = co_await world.front_end().append(
        home, shard->lane, cell::one_request(cell::make_fragment(stream->key_of(*shard), text)));
    Sent& sent = writer.sent.back();
    sent.acknowledged = replies.at(0).refusal == cell::Refusal::none;
    sent.index = replies[0].first_index;
    if (!sent.acknowledged) co_await home.sleep_for(microseconds(500));
  }
}

// One split or merge after the other.
env::Task<void> reshard(ReshardWorld& world, Clients& clients, std::uint64_t& changes) {
  env::Core& home = world.home();
  while (!clients.stop) {
    co_await home.sleep_for(world.some_time(10'000));
    DirectoryProcess* const leader = world.leader();
    const auto stream = world.stream();
    if (leader == nullptr || !leader->is_serving || stream == nullptr) continue;
    if (stream->status != directory::StreamStatus::active) continue;
    const auto& open = stream->open_by_hash;
    const std::size_t place = world.random().below(open.size());
    const directory::Shard& shard = stream->shards[open[place]];
    const bool splits = open.size() == 1 || (open.size() < 5 && world.random().below(2) == 0);
    const directory::Shard& other =
        stream->shards[open[place + 1 < open.size() ? place + 1 : place - (splits ? 0 : 1)]];
    const HashKey middle{shard.first_hash.value + (shard.last_hash.value - shard.first_hash.value) / 2};
    ++changes;
    env::spawn(
        [](DirectoryProcess& process, bool is_split, ShardIndex one, ShardIndex next, HashKey key) -> env::Task<void> {
          co_await process.core().enter();
          if (is_split) {
            static_cast<void>(co_await process.directory->split_shard(fleet_scope, "stream", one, key));
          } else {
            static_cast<void>(co_await process.directory->merge_shards(fleet_scope, "stream", one, next));
          }
        }(*leader, splits, shard.index, other.index, middle));
  }
}

struct Found {
  std::uint64_t index = 0;
  ShardIndex shard;
};

env::Task<void> read_shard(ReshardWorld& world, const directory::Stream& stream, const directory::Shard& shard,
                           std::map<std::string, Found>& all) {
  RecordIndex from;
  std::uint64_t last = 0;
  for (int refusals = 0; refusals < 1'000;) {
    const cell::ReadReply reply = co_await world.front_end().read(
        world.home(), shard.lane,
        {.shard = stream.key_of(shard), .from = from, .records_max = 100, .bytes_max = mebibyte});
    if (reply.refusal != cell::Refusal::none) {
      ++refusals;
      co_await world.home().sleep_for(milliseconds(2));
      continue;
    }
    for (const journal::FragmentSlice& slice : reply.result.slices) {
      std::uint32_t ordinal = 0;
      slice.fragment.for_each([&](const journal::RecordView& record) {
        if (ordinal++ < slice.skip) return true;
        EXPECT_GT(record.index.value, last);
        last = record.index.value;
        if (shard.closed) {
          EXPECT_LT(record.arrival, *shard.closed)
              << "record " << as_text(record.data) << " lies past the end of shard " << shard.index.value;
        }
        const bool is_new = all.emplace(as_text(record.data), Found{record.index.value, shard.index}).second;
        EXPECT_TRUE(is_new) << as_text(record.data) << " is there twice";
        return ordinal < slice.skip + slice.count;
      });
    }
    from = reply.result.next;
    if (reply.result.reached_end) co_return;
  }
  ADD_FAILURE() << "shard " << shard.index.value << " cannot be read";
}

bool descends_from(const directory::Stream& stream, ShardIndex shard, ShardIndex ancestor) {
  if (shard == ancestor) return true;
  const directory::Shard* const found = stream.find_shard(shard);
  return (found->parent && descends_from(stream, *found->parent, ancestor)) ||
         (found->adjacent_parent && descends_from(stream, *found->adjacent_parent, ancestor));
}

// Nothing acknowledged is lost, and who reads parents before children reads a writer's records in their order.
void check_writer(const directory::Stream& stream, const Writer& writer, const std::map<std::string, Found>& all) {
  const Found* previous = nullptr;
  for (const Sent& sent : writer.sent) {
    const auto found = all.find(sent.text);
    if (sent.acknowledged) {
      EXPECT_NE(found, all.end()) << sent.text << " was acknowledged and is lost";
      if (found != all.end()) {
        EXPECT_EQ(found->second.index, sent.index.value);
        EXPECT_EQ(found->second.shard, sent.shard);
      }
    }
    if (found == all.end()) continue;
    if (previous != nullptr) {
      EXPECT_TRUE(descends_from(stream, found->second.shard, previous->shard))
          << sent.text << " is in shard " << found->second.shard.value << " behind shard " << previous->shard.value;
      if (found->second.shard == previous->shard) EXPECT_GT(found->second.index, previous->index);
    }
    previous = &found->second;
  }
}

env::Task<void> check(ReshardWorld& world, const Clients& clients) {
  const auto stream = world.stream();
  std::map<std::string, Found> all;
  for (const directory::Shard& shard : stream->shards) co_await read_shard(world, *stream, shard, all);
  for (const Writer& writer : clients.writers) check_writer(*stream, writer, all);
}

// Until the stream is ACTIVE in the front end's map, and that is the leader's newest.
env::Task<void> settle(ReshardWorld& world) {
  for (int waits = 0; waits < 20'000; ++waits) {
    co_await world.home().sleep_for(milliseconds(5));
    DirectoryProcess* const leader = world.leader();
    if (leader == nullptr || !leader->is_serving || world.front_end_map() == nullptr) continue;
    const auto stream = world.stream();
    if (stream != nullptr && stream->status == directory::StreamStatus::active &&
        leader->directory->map()->version() == world.front_end_map()->version()) {
      co_return;
    }
  }
  ADD_FAILURE() << "the stream does not settle";
}

// Of a run that shows something.
constexpr std::uint64_t strikes_min = 4;
constexpr std::size_t shards_min = 5;

struct Figures {
  std::uint64_t changes = 0;
  std::size_t shards = 0;
  std::uint64_t strikes = 0;
};

env::Task<void> run_world(ReshardWorld& world, Figures& figures) {
  co_await world.start();
  auto* const leader = world.leader();
  env::spawn([](DirectoryProcess& process) -> env::Task<void> {
    co_await process.core().enter();
    static_cast<void>(
        co_await process.directory->create_stream({.scope = fleet_scope, .name = "stream", .shard_count = 2}));
  }(*leader));
  co_await settle(world);
  Clients clients;
  env::TaskGroup tasks(world.home());
  for (std::size_t i = 0; i < clients.writers.size(); ++i) {
    clients.writers[i].key = HashKey{HashKey::max().value / clients.writers.size() * i};
    clients.writers[i].name = std::string(1, static_cast<char>('p' + i));
    tasks.spawn(write(world, clients, clients.writers[i]));
  }
  tasks.spawn(reshard(world, clients, figures.changes));
  world.strike_in(world.random().below(12));
  co_await world.home().sleep_for(seconds(2));
  // A reshard that fails several times in a row waits ever longer before it is tried again, and nothing strikes
  // meanwhile.
  for (int waits = 0; waits < 20 && world.strikes() < strikes_min; ++waits) co_await world.home().sleep_for(seconds(1));
  world.calm();
  co_await world.home().sleep_for(milliseconds(200));
  clients.stop = true;
  co_await tasks.wait();
  co_await settle(world);
  co_await check(world, clients);
  figures.shards = world.stream()->shards.size();
  figures.strikes = world.strikes();
  co_await world.stop();
}

void run_seed(std::uint64_t seed) {
  env::Simulation simulation({.seed = seed, .cores = 1});
  ReshardWorld* world = nullptr;  // never freed: machines that were killed may still refer to it
  Figures figures;
  const auto outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
    world = new ReshardWorld(simulation, seed);
    co_await run_world(*world, figures);
    simulation.stop();
    co_await world->home().sleep_for(hours(1));
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::crashed) << simulation.report();
  EXPECT_GE(figures.strikes, strikes_min);
  EXPECT_GE(figures.shards, shards_min);
}

TEST(Reshard, NoRecordLiesPastTheEndOfAShardWhateverDiesAtWhicheverStep) {
  test::for_each_seed_isolated(1, 60, run_seed);
}

// 104: one reshard failed four times in a row, and the run was over with too few misfortunes. 212: a reshard that was
// made by a transaction given up was in no map.
TEST(Reshard, SeedsThatOnceFailedPass) { test::for_kept_seeds({104, 212}, run_seed); }

}  // namespace
}  // namespace weir::simulation
