#include "tests/directory/map_support.h"

#include <array>
#include <iterator>
#include <utility>

#include "directory/cell_layout.h"
#include "gtest/gtest.h"
#include "model/hash_range.h"

namespace weir::directory::test {
namespace {

constexpr std::array<const char*, 3> accounts{"000000000000", "111111111111", "222222222222"};
constexpr std::uint32_t cells = 3;

}  // namespace

std::shared_ptr<Stream> make_stream(std::uint64_t id, std::string account, std::string name, std::uint32_t shards,
                                    std::uint32_t cell) {
  auto stream = std::make_shared<Stream>();
  stream->id = StreamId{id};
  stream->scope = {std::move(account), "us-east-1"};
  stream->name = std::move(name);
  stream->status = StreamStatus::active;
  stream->created = wall_time_ms(1'767'225'600'000);
  for (const auto& range : model::split_evenly(shards)) {
    const auto index = static_cast<std::uint32_t>(stream->shards.size());
    stream->shards.push_back({.index = ShardIndex{index},
                              .first_hash = range.first,
                              .last_hash = range.last,
                              .created = stream->created,
                              .lane = lane_of(cell, index % lanes_per_cell_max)});
  }
  index_open_shards(*stream);
  return stream;
}

GrowingMap::GrowingMap(std::uint64_t seed, std::uint64_t term) : random_(seed, 0x6d6170) {
  ShardMapBuilder builder;
  TokenKey key;
  key.fill(std::byte{7});
  builder.set_token_key(key);
  builder.set_term(term);
  builder.set_fleet("default", Fleet{.accounts = {}, .serves_all_others = true});
  builder.set_fleet("big", Fleet{.accounts = {accounts[2]}, .serves_all_others = false});
  map_ = builder.build(1);
}

const ShardMapPointer& GrowingMap::grow(std::uint32_t changes) {
  ShardMapBuilder builder(*map_);
  for (std::uint32_t i = 0; i < changes; ++i) change(builder);
  map_ = builder.build(map_->version() + 1 + random_.below(3));
  return map_;
}

const ShardMapPointer& GrowingMap::change_leader() {
  ShardMapBuilder builder;
  builder.set_term(map_->term() + 1);
  builder.set_token_key(map_->token_key());
  for (const auto& [id, stream] : map_->all()) {
    if (!random_.chance(0.1)) builder.put(std::make_shared<Stream>(*stream));
  }
  for (const auto& [lane, owner] : map_->owners()) builder.set_owner(lane, *owner);
  for (const auto& [name, fleet] : map_->fleets()) builder.set_fleet(name, *fleet);
  for (const auto& [id, credential] : map_->credentials()) {
    if (!random_.chance(0.1)) builder.set_credential(id, std::make_shared<SealedCredential>(*credential));
  }
  // The old leader may have published versions that the new one never saw.
  const std::uint64_t version = map_->version() > 2 && random_.coin() ? map_->version() - 1 : map_->version() + 1;
  map_ = builder.build(version);
  return map_;
}

std::shared_ptr<const Stream> GrowingMap::any_stream(const ShardMapBuilder& builder) {
  const auto& all = builder.map().all();
  if (all.empty()) return nullptr;
  return std::next(all.begin(), static_cast<std::ptrdiff_t>(random_.below(all.size())))->second;
}

void GrowingMap::change(ShardMapBuilder& builder) {
  const std::uint64_t choice = random_.below(24);
  const auto stream = any_stream(builder);
  if (choice < 6 || stream == nullptr) return add_stream(builder);
  if (choice < 12) return change_stream(builder, *stream);
  if (choice < 15) return builder.remove(stream->id);
  if (choice < 18) {
    const LaneId lane{static_cast<std::uint32_t>(random_.below(cells * lanes_per_cell_max))};
    if (random_.chance(0.2)) return builder.set_owner(lane, std::nullopt);
    return builder.set_owner(lane, LaneOwner{.node = "node-" + std::to_string(random_.below(4)),
                                             .address = "10.0.0.1",
                                             .port = 4'600,
                                             .epoch = Epoch{random_.below(1'000)}});
  }
  if (choice < 23) return change_credential(builder);
  Fleet fleet = *builder.map().fleets().at("big");
  if (fleet.accounts.erase(accounts[1]) != 0) {
    fleet.leaving.insert(accounts[1]);
  } else if (fleet.leaving.erase(accounts[1]) == 0) {
    fleet.accounts.insert(accounts[1]);
  }
  builder.set_fleet("big", fleet);
}

void GrowingMap::change_credential(ShardMapBuilder& builder) {
  const std::string id = "AKIA" + std::to_string(random_.below(6));
  if (random_.chance(0.2)) return builder.set_credential(id, nullptr);
  SealedCredential credential{.account = accounts[random_.below(accounts.size())],
                              .expires = std::nullopt,
                              .sealed = "\xff" + std::to_string(random_.next())};
  if (random_.coin()) credential.expires = wall_time_ms(static_cast<std::int64_t>(random_.below(1'000'000)));
  builder.set_credential(id, std::make_shared<SealedCredential>(std::move(credential)));
}

void GrowingMap::add_stream(ShardMapBuilder& builder) {
  const std::string account = accounts[random_.below(accounts.size())];
  const std::string name = "stream-" + std::to_string(random_.below(40));
  if (builder.map().find(account, "us-east-1", name) != nullptr) return;
  const std::uint64_t id = next_stream_++;
  const auto shards = static_cast<std::uint32_t>(random_.below(6));
  auto stream = make_stream(id, account, name, shards + 1, static_cast<std::uint32_t>(random_.below(cells)));
  if (shards == 0) {
    stream->shards.clear();
    index_open_shards(*stream);
    stream->status = StreamStatus::creating;
  }
  builder.put(std::move(stream));
}

void GrowingMap::change_stream(ShardMapBuilder& builder, const Stream& stream) {
  auto next = std::make_shared<Stream>(stream);
  next->tags["tag \xff " + std::to_string(random_.below(5))] = std::to_string(random_.next());
  next->mode = random_.coin() ? StreamMode::on_demand : StreamMode::provisioned;
  next->retention_hours = static_cast<std::uint32_t>(24 + random_.below(100));
  if (next->shards.empty()) {
    const auto made = make_stream(stream.id.value, stream.scope.account, stream.name, 2,
                                  static_cast<std::uint32_t>(random_.below(cells)));
    next->shards = made->shards;
    next->status = StreamStatus::active;
  } else {
    const std::uint32_t at = next->open_by_hash[random_.below(next->open_by_hash.size())];
    const model::HashRange range{next->shards[at].first_hash, next->shards[at].last_hash};
    const HashKey middle{range.first.value + (range.last.value - range.first.value) / 2};
    if (model::can_split_at(range, middle) && next->shards.size() < 40) {
      const ShardIndex first{next->shards.back().index.value + 1};
      const ShardIndex second{first.value + 1};
      const LaneId lane = next->shards[at].lane;
      // Children may be in another cell, and closed parents go: both move the stream in and out of cells.
      const LaneId other = lane_of(static_cast<std::uint32_t>(random_.below(cells)), lane_within_cell(lane));
      next->shards[at].closed = wall_time_ms(1'767'225'700'000);
      next->shards[at].children = {first, second};
      const ShardIndex parent = next->shards[at].index;
      const auto [low, high] = model::split_at(range, middle);
      next->shards.push_back(
          {.index = first, .first_hash = low.first, .last_hash = low.last, .parent = parent, .lane = other});
      next->shards.push_back(
          {.index = second, .first_hash = high.first, .last_hash = high.last, .parent = parent, .lane = lane});
      if (random_.coin()) std::erase_if(next->shards, [](const Shard& shard) { return !shard.is_open(); });
    }
  }
  index_open_shards(*next);
  builder.put(std::move(next));
}

TEST(GrowingMap, HasStreamsInAllCellsAndOfAllAccounts) {
  GrowingMap growing(1);
  growing.grow(200);
  EXPECT_GT(growing.map()->all().size(), 10U);
  EXPECT_GT(growing.map()->owners().size(), 5U);
}

}  // namespace weir::directory::test
