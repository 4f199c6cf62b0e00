#include "directory/directory.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/log.h"
#include "directory/map/shard_map_builder.h"

namespace weir::directory {
namespace {

ShardMapPointer build_map(const StoredState& state, std::uint64_t term) {
  ShardMapBuilder builder;
  builder.set_term(term);
  for (const auto& [id, stream] : state.streams) builder.put(stream.stream);
  for (std::uint32_t lane = 0; lane < state.lanes.size(); ++lane) {
    if (state.lanes[lane].owner) builder.set_owner(LaneId{lane}, state.lanes[lane].owner);
  }
  for (const auto& [name, fleet] : state.fleets.by_name) builder.set_fleet(name, fleet_of(fleet));
  for (const auto& [id, credential] : state.credentials) builder.set_credential(id, credential.credential);
  builder.set_token_key(state.token_key);
  return builder.build(state.revision);
}

// Whether the store holds just what `writes` was to put there.
bool holds_all(const metastore::Snapshot& snapshot, std::span<const metastore::Write> writes) {
  if (writes.empty()) return true;
  absl::flat_hash_map<std::string_view, std::string_view> values;
  for (const metastore::KeyValue& entry : snapshot.entries) values[entry.key] = entry.value;
  return std::ranges::all_of(writes, [&values](const metastore::Write& write) {
    const auto found = values.find(write.key);
    return write.value ? found != values.end() && found->second == *write.value : found == values.end();
  });
}

}  // namespace

Directory::Directory(env::Core& core, metastore::Metastore& store, const DirectorySettings& settings,
                     DirectoryMetrics& metrics, std::uint64_t term)
    : core_(core),
      store_(store),
      settings_(settings),
      metrics_(metrics),
      term_(term),
      turn_(core),
      map_(ShardMapBuilder().build(0)),
      tasks_(core),
      stop_(core) {}

Directory::~Directory() { WEIR_ASSERT_NOTE(!started_ || stopping_, "a directory must be stopped before it goes"); }

env::Task<Result<std::unique_ptr<Directory>>> Directory::open(env::Core& core, metastore::Metastore& store,
                                                              std::uint32_t lane_count,
                                                              const DirectorySettings& settings,
                                                              DirectoryMetrics& metrics, std::uint64_t term) {
  if (lane_count == 0 || lane_count > lane_count_max) {
    co_return fail(ErrorCode::invalid_argument, "a cell has 1 to " + std::to_string(lane_count_max) + " lanes");
  }
  std::unique_ptr<Directory> directory(new Directory(core, store, settings, metrics, term));
  WEIR_CO_CHECK(co_await directory->load(lane_count));
  co_return directory;
}

env::Task<Result<void>> Directory::become_writer() {
  WEIR_CO_TRY(const metastore::Snapshot snapshot, co_await store_.read(writer_key()));
  WEIR_CO_TRY(const WriterState writer, decode_writer(snapshot));
  if (writer.term > term_) {
    co_return fail(ErrorCode::unavailable, "the directory of term " + std::to_string(writer.term) +
                                               " writes; that of this one, " + std::to_string(term_) + ", is over");
  }
  std::vector<metastore::Guard> guards;
  guards.push_back({writer_key(), writer.modified});
  std::vector<metastore::Write> writes;
  writes.push_back(writer_write(term_));
  WEIR_CO_TRY(writer_modified_, co_await store_.commit(std::move(guards), std::move(writes)));
  co_return Result<void>{};
}

env::Task<Result<void>> Directory::load(std::uint32_t lane_count) {
  WEIR_CO_CHECK(co_await become_writer());
  WEIR_CO_TRY(metastore::Snapshot snapshot, co_await store_.read(directory_prefix));
  WEIR_CO_TRY(StoredState state, decode_state(snapshot));
  if (!state.initialized) {
    WEIR_CO_CHECK(co_await initialize(lane_count));
    WEIR_CO_TRY(snapshot, co_await store_.read(directory_prefix));
    WEIR_CO_TRY(state, decode_state(snapshot));
  }
  if (state.lanes.size() != lane_count) {
    co_return fail(ErrorCode::invalid_argument, "the shards are placed on " + std::to_string(state.lanes.size()) +
                                                    " lanes, not on " + std::to_string(lane_count));
  }
  token_key_ = state.token_key;
  map_ = build_map(state, term_);
  WEIR_CO_CHECK(take_over(std::move(state)));
  log_info("directory", "loaded", {{"streams", streams_.size()}, {"revision", map_->version()}});
  co_return Result<void>{};
}

env::Task<Result<void>> Directory::initialize(std::uint32_t lane_count) {
  std::array<std::byte, token_key_bytes> key{};
  core_.random_bytes(key);
  std::vector<metastore::Guard> guards;
  guards.push_back({format_key(), 0});
  guards.push_back({writer_key(), writer_modified_});
  auto committed = co_await store_.commit(std::move(guards), initial_writes(lane_count, key));
  if (!committed) co_return fail_while("initialize the metadata store", std::move(committed.error()));
  co_return Result<void>{};
}

Result<void> Directory::take_over(StoredState state) {
  if (!state.initialized || state.token_key != token_key_) {
    return fail(ErrorCode::corrupt, "the metadata store is not the one that was opened");
  }
  next_stream_ = state.next_stream;
  lanes_ = std::move(state.lanes);
  cells_ = std::move(state.cells);
  fleets_ = std::move(state.fleets);
  credentials_ = std::move(state.credentials);
  streams_ = std::move(state.streams);
  usage_ = Usage(lanes_.size());
  for (const auto& [id, stream] : streams_) usage_.add(stream);
  report_counts();
  return {};
}

env::Task<Result<bool>> Directory::reload(std::span<const metastore::Write> writes) {
  WEIR_CO_CHECK(co_await become_writer());
  WEIR_CO_TRY(const metastore::Snapshot snapshot, co_await store_.read(directory_prefix));
  WEIR_CO_TRY(StoredState state, decode_state(snapshot));
  // A revision later than any map's, so that followers take this one, whatever was not known when the last was made.
  ShardMapPointer map = build_map(state, term_);
  WEIR_CO_CHECK(take_over(std::move(state)));
  stale_ = false;
  co_await publish(std::move(map));
  if (started_) {
    for (const auto& [id, stream] : streams_) ensure_driven(id);
  }
  co_return holds_all(snapshot, writes);
}

env::Task<Directory::Ending> Directory::commit(std::vector<metastore::Guard> guards,
                                               std::vector<metastore::Write> writes) {
  guards.push_back({writer_key(), writer_modified_});
  auto committed = co_await store_.commit(std::move(guards), writes);
  if (committed) co_return Ending{.outcome = Outcome::done, .revision = *committed, .reason = {}};
  metrics_.transactions_failed.add();
  const ErrorCode code = committed.error().code;
  if (code == ErrorCode::no_space || code == ErrorCode::invalid_argument) {
    co_return Ending{.outcome = Outcome::not_done, .reason = std::move(committed.error().message)};
  }
  co_return co_await find_outcome(writes, std::move(committed.error()));
}

// A conflict means that the memory is behind, anything else that nobody knows. Reading tells, once no transaction can
// arrive any more.
env::Task<Directory::Ending> Directory::find_outcome(std::span<const metastore::Write> writes, Error error) {
  metrics_.outcomes_unknown.add();
  log_warning("directory", "a transaction failed, reading back", {{"reason", error.message}});
  stale_ = true;
  const auto found = co_await reload(writes);
  if (!found) co_return Ending{.outcome = Outcome::unknown, .reason = found.error().message};
  const bool done = error.code != ErrorCode::conflict && *found;
  co_return Ending{.outcome = done ? Outcome::done : Outcome::not_done, .reason = std::move(error.message)};
}

env::Task<Directory::Ending> Directory::replace_stream(StreamId id, std::optional<StreamState> next,
                                                       std::vector<metastore::Guard> guards) {
  const auto current = streams_.find(id);
  const bool is_new = current == streams_.end();
  const Stream* before = is_new ? nullptr : current->second.stream.get();
  guards.push_back({stream_key(id), is_new ? 0 : current->second.modified});
  auto writes = stream_writes(id, before, next ? &*next : nullptr);
  if (is_new) {
    guards.push_back({counter_key(), next_stream_.modified});
    writes.push_back(counter_write(next_stream_.next + 1));
  }
  const Ending ending = co_await commit(std::move(guards), std::move(writes));
  // Without a revision the change is in force already, by a reload.
  if (ending.outcome != Outcome::done || ending.revision == 0) co_return ending;

  if (is_new) next_stream_ = {next_stream_.next + 1, ending.revision};
  ShardMapBuilder builder(*map_);
  if (!is_new) usage_.subtract(streams_.at(id));
  if (next) {
    next->modified = ending.revision;
    usage_.add(*next);
    builder.put(next->stream);
    streams_.insert_or_assign(id, std::move(*next));
  } else {
    builder.remove(id);
    streams_.erase(id);
  }
  report_counts();
  co_await publish(builder.build(ending.revision));
  ensure_driven(id);
  co_return ending;
}

env::Task<void> Directory::publish(ShardMapPointer map) {
  WEIR_ASSERT(map->version() > map_->version());
  map_ = std::move(map);
  metrics_.map_version.set(static_cast<std::int64_t>(map_->version()));
  if (!started_) co_return;
  const MonotonicTime begin = core_.now();
  for (MapListener* listener : listeners_) {
    co_await listener->apply(map_);
    co_await core_.enter();
  }
  metrics_.publish_seconds.observe(std::chrono::duration<double>(core_.now() - begin).count());
}

void Directory::add_listener(MapListener& listener) {
  WEIR_ASSERT(!started_);
  listeners_.push_back(&listener);
}

env::Task<void> Directory::start(ShardCloser& closer) {
  WEIR_ASSERT(!started_);
  co_await turn_.take();
  closer_ = &closer;
  started_ = true;
  metrics_.map_version.set(static_cast<std::int64_t>(map_->version()));
  for (MapListener* listener : listeners_) {
    co_await listener->apply(map_);
    co_await core_.enter();
  }
  for (const auto& [id, stream] : streams_) ensure_driven(id);
  tasks_.spawn(sweep_regularly());
  turn_.give_back();
}

env::Task<void> Directory::stop() {
  stopping_ = true;
  stop_.notify_all();
  co_await tasks_.wait();
  // The command that has its turn ends it; those that wait are refused when theirs comes.
  while (commands_waiting_ != 0) co_await core_.yield();
}

std::uint64_t Directory::open_shards_of_cell(std::uint32_t cell) const noexcept {
  std::uint64_t shards = 0;
  const auto& of_lane = usage_.open_shards_of_lane();
  for (std::uint32_t i = 0; i < lanes_per_cell_max; ++i) {
    const std::uint32_t lane = lane_of(cell, i).value;
    if (lane < of_lane.size()) shards += of_lane[lane];
  }
  return shards;
}

void Directory::report_counts() {
  metrics_.streams.set(static_cast<std::int64_t>(usage_.streams()));
  metrics_.shards_open.set(static_cast<std::int64_t>(usage_.open_shards()));
  metrics_.shards_closed.set(static_cast<std::int64_t>(usage_.stored_shards() - usage_.open_shards()));
  metrics_.fleets.set(static_cast<std::int64_t>(fleets_.by_name.size()));
  metrics_.accounts.set(static_cast<std::int64_t>(account_count(fleets_.by_name)));
  metrics_.credentials.set(static_cast<std::int64_t>(credentials_.size()));
  metrics_.changes_pending.set(static_cast<std::int64_t>(usage_.pending_changes()));
}

}  // namespace weir::directory
