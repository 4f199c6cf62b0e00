#include "directory/stored_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "base/assert.h"
#include "directory/map/shard_map_builder.h"
#include "directory/record_codec.h"
#include "directory/records.pb.h"
#include "model/hash_range.h"

namespace weir::directory {
namespace {

constexpr std::string_view lanes_prefix = "directory/lanes/";
constexpr std::string_view cells_prefix = "directory/cells/";
constexpr std::string_view credentials_prefix = "directory/credentials/";
constexpr std::string_view streams_prefix = "directory/streams/";
constexpr std::string_view shards_prefix = "directory/shards/";

std::string shards_key(StreamId id, std::uint32_t chunk) {
  return fmt::format("{}{:016x}/{:08x}", shards_prefix, id.value, chunk);
}

std::unexpected<Error> corrupt(std::string_view key, std::string_view what) {
  return fail(ErrorCode::corrupt, fmt::format("metadata {}: {}", key, what));
}

// Reads all of `text` as a hexadecimal number.
template <class Number>
std::optional<Number> read_hexadecimal(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

template <class Record>
Result<Record> parse(const metastore::KeyValue& entry) {
  Record record;
  if (!record.ParseFromString(entry.value)) return corrupt(entry.key, "not a record of its kind");
  return record;
}

// Whether the change can be completed on this stream.
bool fits(const Stream& stream, const Change& change) {
  const auto open_shard = [&stream](ShardIndex index) {
    const Shard* shard = stream.find_shard(index);
    return shard != nullptr && shard->is_open() ? shard : nullptr;
  };
  if (const auto* create = std::get_if<CreateChange>(&change)) return create->shard_count > 0;
  if (const auto* split = std::get_if<SplitChange>(&change)) {
    const Shard* shard = open_shard(split->shard);
    return shard != nullptr && model::can_split_at({shard->first_hash, shard->last_hash}, split->key);
  }
  if (const auto* merge = std::get_if<MergeChange>(&change)) {
    const Shard* shard = open_shard(merge->shard);
    const Shard* adjacent = open_shard(merge->adjacent);
    return shard != nullptr && adjacent != nullptr &&
           model::are_adjacent({shard->first_hash, shard->last_hash}, {adjacent->first_hash, adjacent->last_hash});
  }
  return true;
}

// Builds a StoredState entry by entry. Entries come in the order of keys, so a stream's shards come before the stream.
class Decoder {
 public:
  Result<StoredState> decode(const metastore::Snapshot& snapshot) && {
    state_.revision = snapshot.revision;
    // Who initializes the store has made itself its writer before.
    const auto is_writer = [](const metastore::KeyValue& entry) { return entry.key == writer_key(); };
    if (std::ranges::all_of(snapshot.entries, is_writer)) return std::move(state_);
    const auto format = std::ranges::find(snapshot.entries, format_key(), &metastore::KeyValue::key);
    if (format == snapshot.entries.end()) return corrupt(format_key(), "missing");
    WEIR_CHECK(take_format(*format));
    for (const metastore::KeyValue& entry : snapshot.entries) WEIR_CHECK(take(entry));
    if (state_.next_stream.modified == 0) return corrupt(counter_key(), "missing");
    if (!shards_.empty()) return corrupt(stream_key(shards_.begin()->first), "missing, but it has shards");
    return std::move(state_);
  }

 private:
  Result<void> take(const metastore::KeyValue& entry) {
    const std::string_view key = entry.key;
    if (key == format_key() || key == writer_key()) return {};
    if (key == counter_key()) return take_counter(entry);
    if (key.starts_with(lanes_prefix)) return take_lane(entry);
    if (key.starts_with(cells_prefix)) return take_cell(entry);
    if (key == fleets_key()) return take_fleets(entry);
    if (key.starts_with(credentials_prefix)) return take_credential(entry);
    if (key.starts_with(shards_prefix)) return take_shards(entry);
    if (key.starts_with(streams_prefix)) return take_stream(entry);
    return corrupt(key, "unknown key");
  }

  Result<void> take_format(const metastore::KeyValue& entry) {
    WEIR_TRY(const auto record, parse<records::Format>(entry));
    if (record.version() != format_version) {
      return fail(ErrorCode::unsupported,
                  fmt::format("metadata has format {}, this program knows {}", record.version(), format_version));
    }
    if (record.token_key().size() != token_key_bytes) return corrupt(entry.key, "token key of another length");
    if (record.lane_count() == 0 || record.lane_count() > lane_count_max) return corrupt(entry.key, "lane count");
    std::ranges::copy(as_bytes(record.token_key()), state_.token_key.begin());
    state_.lanes.resize(record.lane_count());
    state_.initialized = true;
    return {};
  }

  Result<void> take_counter(const metastore::KeyValue& entry) {
    WEIR_TRY(const auto record, parse<records::Counter>(entry));
    state_.next_stream = {record.next(), entry.modified};
    return {};
  }

  Result<void> take_lane(const metastore::KeyValue& entry) {
    const auto lane = read_hexadecimal<std::uint32_t>(std::string_view(entry.key).substr(lanes_prefix.size()));
    if (!lane || *lane >= state_.lanes.size()) return corrupt(entry.key, "no such lane");
    WEIR_TRY(const auto record, parse<records::Lane>(entry));
    LaneState& state = state_.lanes[*lane];
    state = {.epoch = Epoch{record.epoch()}, .owner = std::nullopt, .modified = entry.modified};
    if (record.node().empty()) return {};
    if (record.port() == 0 || record.port() > std::numeric_limits<std::uint16_t>::max()) {
      return corrupt(entry.key, "an owner without a port");
    }
    state.owner = LaneOwner{.node = record.node(),
                            .address = record.address(),
                            .port = static_cast<std::uint16_t>(record.port()),
                            .epoch = state.epoch};
    return {};
  }

  Result<void> take_cell(const metastore::KeyValue& entry) {
    const auto cell = read_hexadecimal<std::uint32_t>(std::string_view(entry.key).substr(cells_prefix.size()));
    WEIR_TRY(const auto record, parse<records::Cell>(entry));
    const bool fits_in = cell && *cell < cells_max && record.lanes() >= 1 && record.lanes() <= lanes_per_cell_max &&
                         (std::size_t{*cell} + 1) * lanes_per_cell_max <= state_.lanes.size();
    if (!fits_in) return corrupt(entry.key, "no such cell, or one with too many lanes");
    state_.cells[*cell] = {.name = record.name(),
                           .lanes = record.lanes(),
                           .open_shards_max = record.open_shards_max(),
                           .closed = record.closed(),
                           .modified = entry.modified};
    return {};
  }

  Result<void> take_fleets(const metastore::KeyValue& entry) {
    auto fleets = decode_fleets(entry.value);
    if (!fleets) return corrupt(entry.key, fleets.error().message);
    state_.fleets = {.by_name = std::move(*fleets), .modified = entry.modified};
    return {};
  }

  Result<void> take_credential(const metastore::KeyValue& entry) {
    const std::string id = entry.key.substr(credentials_prefix.size());
    auto credential = decode_credential(id, entry.value);
    if (!credential) return corrupt(entry.key, credential.error().message);
    state_.credentials[id] = {.credential = std::make_shared<const SealedCredential>(std::move(*credential)),
                              .modified = entry.modified};
    return {};
  }

  Result<void> take_shards(const metastore::KeyValue& entry) {
    const auto id = read_hexadecimal<std::uint64_t>(std::string_view(entry.key).substr(shards_prefix.size(), 16));
    if (!id) return corrupt(entry.key, "malformed key");
    WEIR_TRY(const auto record, parse<records::ShardChunk>(entry));
    auto& shards = shards_[StreamId{*id}];
    for (const records::Shard& stored : record.shards()) {
      Shard shard = from_record(stored);
      if (entry.key != shards_key(StreamId{*id}, shard.index.value / shards_per_chunk)) {
        return corrupt(entry.key, "holds a foreign shard");
      }
      if (!shards.empty() && shard.index <= shards.back().index) return corrupt(entry.key, "shards out of order");
      if (shard.lane.value >= state_.lanes.size()) return corrupt(entry.key, "a shard on no lane");
      shards.push_back(std::move(shard));
    }
    return {};
  }

  Result<void> take_stream(const metastore::KeyValue& entry) {
    WEIR_TRY(const auto record, parse<records::Stream>(entry));
    auto stream = std::make_shared<Stream>();
    auto state = from_record(record, *stream);
    if (!state || entry.key != stream_key(stream->id)) return corrupt(entry.key, "not a stream of this key");
    if (const auto shards = shards_.find(stream->id); shards != shards_.end()) {
      stream->shards = std::move(shards->second);
      shards_.erase(shards);
    }
    index_open_shards(*stream);
    if (stream->shards.size() != record.shard_count()) return corrupt(entry.key, "another number of shards");
    WEIR_CHECK(check_consistency(entry.key, *stream, state->next_shard, state->pending));
    state->modified = entry.modified;
    const StreamId id = stream->id;
    state->stream = std::move(stream);
    state_.streams.emplace(id, std::move(*state));
    return {};
  }

  Result<void> check_consistency(std::string_view key, const Stream& stream, std::uint32_t next_shard,
                                 const std::optional<PendingChange>& pending) {
    if (stream.id.value >= state_.next_stream.next) return corrupt(key, "an id that was not given yet");
    if (!stream.shards.empty() && stream.shards.back().index.value >= next_shard) {
      return corrupt(key, "a shard index that was not given yet");
    }
    const bool creating = stream.status == StreamStatus::creating;
    if (creating ? !stream.shards.empty() : !open_shards_tile(stream)) {
      return corrupt(key, "shards that do not tile the key space");
    }
    if (pending && !fits(stream, pending->change)) return corrupt(key, "a pending change that cannot be made");
    if (!names_.insert({stream.scope, stream.name}).second) return corrupt(key, "a name that is taken");
    return {};
  }

  StoredState state_;
  absl::btree_map<StreamId, std::vector<Shard>> shards_;  // of streams that are yet to come
  std::set<std::pair<StreamScope, std::string>> names_;
};

std::string encode_chunk(std::span<const Shard> shards) {
  records::ShardChunk chunk;
  for (const Shard& shard : shards) to_record(shard, *chunk.add_shards());
  return chunk.SerializeAsString();
}

// The shards of one chunk; empty when there are none.
std::span<const Shard> chunk_of(const Stream* stream, std::uint32_t chunk) {
  if (stream == nullptr) return {};
  const auto by_chunk = [](const Shard& shard) { return shard.index.value / shards_per_chunk; };
  const auto range = std::ranges::equal_range(stream->shards, chunk, {}, by_chunk);
  return {range.begin(), range.end()};
}

std::uint32_t chunk_count(const Stream* stream) {
  if (stream == nullptr || stream->shards.empty()) return 0;
  return stream->shards.back().index.value / shards_per_chunk + 1;
}

std::uint32_t first_chunk(const Stream* stream) {
  if (stream == nullptr || stream->shards.empty()) return 0;
  return stream->shards.front().index.value / shards_per_chunk;
}

}  // namespace

std::string format_key() { return "directory/format"; }
std::string counter_key() { return "directory/next-stream"; }
std::string writer_key() { return "directory/writer"; }
std::string lane_key(LaneId lane) { return fmt::format("{}{:08x}", lanes_prefix, lane.value); }
std::string cell_key(std::uint32_t cell) { return fmt::format("{}{:02x}", cells_prefix, cell); }
std::string fleets_key() { return "directory/fleets"; }
std::string credential_key(std::string_view access_key_id) {
  return fmt::format("{}{}", credentials_prefix, access_key_id);
}
std::string stream_key(StreamId id) { return fmt::format("{}{:016x}", streams_prefix, id.value); }

Result<StoredState> decode_state(const metastore::Snapshot& snapshot) { return Decoder().decode(snapshot); }

std::vector<metastore::Write> initial_writes(std::uint32_t lane_count,
                                             std::span<const std::byte, token_key_bytes> token_key) {
  records::Format format;
  format.set_version(format_version);
  format.set_lane_count(lane_count);
  format.set_token_key(std::string(as_text(token_key)));
  std::vector<metastore::Write> writes;
  writes.push_back({format_key(), format.SerializeAsString()});
  writes.push_back(counter_write(1));
  return writes;
}

metastore::Write lane_write(LaneId lane, const LaneState& state) {
  records::Lane record;
  record.set_epoch(state.epoch.value);
  if (state.owner) {
    record.set_node(state.owner->node);
    record.set_address(state.owner->address);
    record.set_port(state.owner->port);
  }
  return {lane_key(lane), record.SerializeAsString()};
}

metastore::Write cell_write(std::uint32_t cell, const CellState& state) {
  records::Cell record;
  record.set_name(state.name);
  record.set_lanes(state.lanes);
  record.set_open_shards_max(state.open_shards_max);
  record.set_closed(state.closed);
  return {cell_key(cell), record.SerializeAsString()};
}

metastore::Write fleets_write(const FleetStates& fleets) {
  return {fleets_key(), fleets.empty() ? std::nullopt : std::optional(encode_fleets(fleets))};
}

metastore::Write credential_write(std::string_view access_key_id, const SealedCredential* credential) {
  return {credential_key(access_key_id),
          credential == nullptr ? std::nullopt : std::optional(encode_credential(*credential))};
}

metastore::Write counter_write(std::uint64_t next_stream) {
  records::Counter record;
  record.set_next(next_stream);
  return {counter_key(), record.SerializeAsString()};
}

metastore::Write writer_write(std::uint64_t term) {
  records::Writer record;
  record.set_term(term);
  return {writer_key(), record.SerializeAsString()};
}

Result<WriterState> decode_writer(const metastore::Snapshot& snapshot) {
  const auto entry = std::ranges::find(snapshot.entries, writer_key(), &metastore::KeyValue::key);
  if (entry == snapshot.entries.end()) return WriterState{};
  WEIR_TRY(const auto record, parse<records::Writer>(*entry));
  return WriterState{.term = record.term(), .modified = entry->modified};
}

std::vector<metastore::Write> stream_writes(StreamId id, const Stream* before, const StreamState* after) {
  std::vector<metastore::Write> writes;
  const Stream* next = after != nullptr ? after->stream.get() : nullptr;
  writes.push_back({stream_key(id), after != nullptr ? std::optional(encode_stream(*after)) : std::nullopt});
  const std::uint32_t chunks = std::max(chunk_count(before), chunk_count(next));
  const std::uint32_t first = before == nullptr || before->shards.empty() ? first_chunk(next) : first_chunk(before);
  for (std::uint32_t chunk = first; chunk < chunks; ++chunk) {
    const auto old_shards = chunk_of(before, chunk);
    const auto new_shards = chunk_of(next, chunk);
    if (std::ranges::equal(old_shards, new_shards)) continue;
    writes.push_back(
        {shards_key(id, chunk), new_shards.empty() ? std::nullopt : std::optional(encode_chunk(new_shards))});
  }
  return writes;
}

}  // namespace weir::directory
