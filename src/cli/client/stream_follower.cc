#include "cli/client/stream_follower.h"

#include <algorithm>
#include <utility>

namespace weir::cli {
namespace {

using kinesis::ApiErrorCode;
using kinesis::Operation;

// A little less than the five calls a second that a shard allows: calls do not travel equally fast.
constexpr Duration poll_interval = milliseconds(210);
constexpr Duration new_stream_poll_interval = milliseconds(200);
// Throttles in a row after which the user hears of them; others may read the stream, too.
constexpr std::uint32_t quiet_failures_max = 5;

std::vector<std::string> parents_of(const kinesis::Shard& shard) {
  std::vector<std::string> parents;
  if (shard.parent_shard_id) parents.push_back(*shard.parent_shard_id);
  if (shard.adjacent_parent_shard_id) parents.push_back(*shard.adjacent_parent_shard_id);
  return parents;
}

}  // namespace

StreamFollower::StreamFollower(KinesisClient& client, RecordSink& sink, FollowOptions options)
    : client_(client), core_(client.core()), sink_(sink), options_(std::move(options)) {}

env::Task<Result<void>> StreamFollower::run() {
  if (auto listed = co_await list_first_shards(); !listed) {
    co_return std::unexpected(to_error(std::move(listed.error())));
  }
  while (!is_done() && !client_.interrupt().is_requested()) {
    const auto next = next_due();
    if (next == shards_.end()) {
      co_return fail(ErrorCode::corrupt, "the server says of each shard that another one is its parent");
    }
    co_await client_.interrupt().sleep_until(next->second.due);
    if (client_.interrupt().is_requested()) break;
    WEIR_CO_CHECK(co_await advance(next));
  }
  co_return Result<void>();
}

env::Task<StreamFollower::Outcome> StreamFollower::list_first_shards() {
  for (;;) {
    auto listed = co_await list_shards(options_.from_start ? kinesis::ShardFilterType::from_trim_horizon
                                                           : kinesis::ShardFilterType::at_latest);
    if (listed) {
      add_newer(*listed);
      if (!shards_.empty()) {
        for (auto& [id, shard] : shards_) shard.from_latest = !options_.from_start;
        newest_at_first_ = shards_.rbegin()->first;
        co_return Outcome();
      }
    } else if (listed.error().code != ApiErrorCode::resource_in_use) {
      co_return std::unexpected(std::move(listed.error()));
    }
    // It is being created, or deleted, which shows soon.
    co_await client_.interrupt().sleep_until(core_.now() + new_stream_poll_interval);
    if (client_.interrupt().is_requested()) co_return Outcome();
  }
}

env::Task<std::expected<std::vector<kinesis::Shard>, CallError>> StreamFollower::list_shards(
    kinesis::ShardFilterType filter) {
  std::vector<kinesis::Shard> shards;
  std::optional<std::string> token;
  do {
    kinesis::ListShardsInput input;
    if (token) {
      input.next_token = *token;
    } else {
      input.stream_name = options_.stream;
      input.shard_filter = kinesis::ShardFilter{.type = filter, .shard_id = {}, .timestamp = {}};
    }
    const auto page = co_await client_.call<kinesis::ListShardsOutput>(Operation::list_shards, input);
    if (!page) co_return std::unexpected(page.error());
    shards.insert(shards.end(), (*page)->shards.begin(), (*page)->shards.end());
    token = (*page)->next_token;
  } while (token);
  co_return shards;
}

// `parents` that are not known yet will be: as children of shards that are being read.
void StreamFollower::add(const std::string& id, std::vector<std::string> parents) {
  if (ended_.contains(id)) return;
  const auto [shard, is_new] = shards_.try_emplace(id, core_);
  if (!is_new) return;
  std::erase_if(parents, [this](const std::string& parent) { return ended_.contains(parent); });
  shard->second.parents = std::move(parents);
}

// A parent that is not listed is gone, and all its records with it.
void StreamFollower::add_newer(const std::vector<kinesis::Shard>& listed) {
  std::set<std::string_view> known;
  for (const kinesis::Shard& shard : listed) known.insert(shard.shard_id);
  for (const auto& [id, shard] : shards_) known.insert(id);
  for (const kinesis::Shard& shard : listed) {
    if (shard.shard_id <= newest_at_first_) continue;
    std::vector<std::string> parents = parents_of(shard);
    std::erase_if(parents, [&](const std::string& parent) { return !known.contains(parent); });
    add(shard.shard_id, std::move(parents));
  }
}

// The shard has been read to its end: nobody waits for it any longer.
void StreamFollower::finish(Shards::iterator shard) {
  const auto ended = ended_.insert(shard->first).first;
  shards_.erase(shard);
  for (auto& [id, other] : shards_) std::erase(other.parents, *ended);
}

bool StreamFollower::is_done() const noexcept {
  if (shards_.empty()) return true;
  return options_.until_caught_up &&
         std::ranges::all_of(shards_, [](const auto& entry) { return entry.second.is_caught_up; });
}

StreamFollower::Shards::iterator StreamFollower::next_due() {
  auto earliest = shards_.end();
  for (auto shard = shards_.begin(); shard != shards_.end(); ++shard) {
    if (!shard->second.parents.empty()) continue;
    if (earliest == shards_.end() || shard->second.due < earliest->second.due) earliest = shard;
  }
  return earliest;
}

// One step in one shard: gets an iterator, or reads. The first round gets all iterators before anything is read: "now"
// should not differ much between shards.
env::Task<Result<void>> StreamFollower::advance(Shards::iterator shard) {
  ShardState& state = shard->second;
  Outcome outcome;
  if (state.iterator.empty()) {
    outcome = co_await get_iterator(shard);
  } else {
    state.due = core_.now() + poll_interval;
    kinesis::GetRecordsInput input;
    input.shard_iterator = state.iterator;
    // What passes for one shard must not keep the others waiting, so it is not for the client to wait.
    const auto answer =
        co_await client_.call<kinesis::GetRecordsOutput>(Operation::get_records, input, Retry::lost_connections);
    if (answer) co_return co_await take(shard, **answer);
    outcome = std::unexpected(answer.error());
  }
  if (outcome) co_return Result<void>();
  if (outcome.error().fault == CallFault::interrupted) co_return Result<void>();
  const auto recovered = co_await recover(shard, std::move(outcome.error()));
  if (!recovered) co_return std::unexpected(to_error(recovered.error()));
  co_return Result<void>();
}

// After the last record handed on, if there is one. Where reading began at the tip and nothing has come yet, the tip
// may have moved since: then from the moment at which it was first asked for.
env::Task<StreamFollower::Outcome> StreamFollower::get_iterator(Shards::iterator shard) {
  using model::ShardIteratorType;
  ShardState& state = shard->second;
  kinesis::GetShardIteratorInput input;
  input.stream_name = options_.stream;
  input.shard_id = shard->first;
  if (!state.last_number.empty()) {
    input.shard_iterator_type = ShardIteratorType::after_sequence_number;
    input.starting_sequence_number = state.last_number;
  } else if (!state.from_latest) {
    input.shard_iterator_type = ShardIteratorType::trim_horizon;
  } else if (state.latest_since == WallTime()) {
    input.shard_iterator_type = ShardIteratorType::latest;
    state.latest_since = core_.wall_now();
  } else {
    input.shard_iterator_type = ShardIteratorType::at_timestamp;
    input.timestamp = state.latest_since;
  }
  const auto answer = co_await client_.call<kinesis::GetShardIteratorOutput>(Operation::get_shard_iterator, input,
                                                                             Retry::lost_connections);
  if (!answer) co_return std::unexpected(answer.error());
  state.iterator = (*answer)->shard_iterator;
  state.iterator_is_new = true;
  state.due = std::max(state.due, core_.now());
  co_return Outcome();
}

env::Task<Result<void>> StreamFollower::take(Shards::iterator shard, const kinesis::GetRecordsOutput& output) {
  ShardState& state = shard->second;
  if (!output.records.empty()) {
    WEIR_CO_CHECK(co_await sink_.take(shard->first, output.records));
    state.last_number = output.records.back().sequence_number;
  }
  state.failures = 0;
  state.backoff.reset();
  state.iterator_is_new = false;
  state.is_caught_up = state.is_caught_up || output.millis_behind_latest.value_or(0) == 0;
  if (output.next_shard_iterator) {
    state.iterator = *output.next_shard_iterator;
    co_return Result<void>();
  }
  if (output.child_shards) {
    for (const kinesis::ChildShard& child : *output.child_shards) add(child.shard_id, child.parent_shards);
  }
  finish(shard);
  co_return Result<void>();
}

env::Task<StreamFollower::Outcome> StreamFollower::recover(Shards::iterator shard, CallError error) {
  ShardState& state = shard->second;
  if (error.fault == CallFault::passing) {
    state.due = core_.now() + std::max<Duration>(poll_interval, state.backoff.next());
    if (++state.failures == quiet_failures_max) client_.warn(shard->first + ": " + error.message + "; trying again");
    co_return Outcome();
  }
  // An iterator ends with its five minutes, or with the key of the server that made it.
  const bool is_worn = error.code == ApiErrorCode::expired_iterator ||
                       (error.code == ApiErrorCode::invalid_argument && !state.iterator_is_new);
  if (is_worn && !state.iterator.empty()) {
    state.iterator.clear();
    co_return Outcome();
  }
  if (error.code != ApiErrorCode::resource_not_found) co_return std::unexpected(std::move(error));
  co_return co_await look_for_successors(shard, std::move(error));
}

// The stream was deleted, or retention has taken the shard with all that it held, perhaps some of its descendants too.
// In that case those that are left go on.
env::Task<StreamFollower::Outcome> StreamFollower::look_for_successors(Shards::iterator shard, CallError error) {
  auto listed = co_await list_shards(kinesis::ShardFilterType::from_trim_horizon);
  if (!listed) co_return std::unexpected(std::move(listed.error()));
  const auto is_it = [&](const kinesis::Shard& other) { return other.shard_id == shard->first; };
  if (std::ranges::any_of(*listed, is_it)) co_return std::unexpected(std::move(error));
  finish(shard);
  add_newer(*listed);
  co_return Outcome();
}

}  // namespace weir::cli
