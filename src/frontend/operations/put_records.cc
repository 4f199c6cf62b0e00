// PutRecords: up to 500 records into a stream, each with its own outcome (API reference, section 3.4).
#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "env/task_group.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/put_checks.h"
#include "kinesis/record_writers.h"
#include "kinesis/shapes/put_records.h"
#include "model/limits.h"
#include "model/sequence_number.h"
#include "model/shard_id.h"

namespace weir::frontend {
namespace {

using kinesis::PutRecordsInput;
using kinesis::PutRecordsRequestEntry;

// One record of the request on its way to its outcome.
struct Entry {
  RecordPlace place;
  bool done = false;
  cell::Refusal refusal = cell::Refusal::none;
  ShardIndex shard;
  model::SequenceNumber number;
};

bool is_stored(const Entry& entry) noexcept { return entry.done && entry.refusal == cell::Refusal::none; }

// What one lane gets in one round: a fragment per shard, and which entries each holds, in order.
struct LaneShare {
  std::vector<cell::AppendRequest> requests;
  std::vector<const directory::Shard*> shards;
  std::vector<std::vector<std::uint32_t>> entries;
  std::vector<cell::AppendReply> replies;
};
using LaneShares = absl::btree_map<LaneId, std::unique_ptr<LaneShare>>;

std::optional<kinesis::ApiError> check_sizes(const std::vector<PutRecordsRequestEntry>& records,
                                             const directory::Stream& stream) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::uint64_t bytes = record_bytes(*records[i].partition_key, *records[i].data);
    if (bytes > stream.record_bytes_max) {
      return kinesis::errors::record_too_large("records." + std::to_string(i + 1) + ".member.data",
                                               records[i].data->size(), stream.record_bytes_max);
    }
    total += bytes;
  }
  if (total > model::limits::put_records_bytes_max) return kinesis::errors::records_too_large();
  return std::nullopt;
}

ApiResult<std::vector<Entry>> place_entries(const std::vector<PutRecordsRequestEntry>& records) {
  std::vector<Entry> entries(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    auto place = place_record(*records[i].partition_key, records[i].explicit_hash_key);
    if (!place) return std::unexpected(std::move(place.error()));
    entries[i].place = *place;
  }
  return entries;
}

using ByShard = absl::flat_hash_map<const directory::Shard*, std::vector<std::uint32_t>>;

// Encodes a fragment of those of `members` that their shard may take, in order; the others have their outcome.
std::optional<journal::Fragment> encode_fragment(OperationCall& call, const directory::Stream& stream,
                                                 const directory::Shard& shard,
                                                 const std::vector<PutRecordsRequestEntry>& records,
                                                 std::vector<Entry>& entries, std::vector<std::uint32_t>& members) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(members.size());
  for (const std::uint32_t i : members) {
    entries[i].shard = shard.index;
    sizes.push_back(record_bytes(*records[i].partition_key, *records[i].data));
  }
  const std::size_t taken = call.services.cell.may_take(call.core, stream.key_of(shard), sizes);
  for (const std::uint32_t i : std::span(members).subspan(taken)) {
    entries[i].refusal = cell::Refusal::throttled;
    entries[i].done = true;
  }
  if (taken == 0) return std::nullopt;
  members.resize(taken);
  sizes.resize(taken);
  journal::FragmentBuilder builder(stream.key_of(shard), static_cast<std::uint32_t>(taken),
                                   std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}));
  for (const std::uint32_t i : members) {
    builder.add(*records[i].partition_key, entries[i].place.explicit_hash_key, *records[i].data);
  }
  return std::move(builder).finish();
}

// Groups the entries that have no outcome yet by shard and encodes one fragment for each.
LaneShares share_out(OperationCall& call, const directory::Stream& stream,
                     const std::vector<PutRecordsRequestEntry>& records, std::vector<Entry>& entries) {
  ByShard by_shard;
  std::vector<const directory::Shard*> order;
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    if (entries[i].done) continue;
    const directory::Shard* shard = stream.open_shard_for(entries[i].place.hash);
    if (shard == nullptr) continue;
    std::vector<std::uint32_t>& members = by_shard[shard];
    if (members.empty()) order.push_back(shard);
    members.push_back(i);
  }
  LaneShares shares;
  for (const directory::Shard* shard : order) {
    std::vector<std::uint32_t>& members = by_shard[shard];
    auto fragment = encode_fragment(call, stream, *shard, records, entries, members);
    if (!fragment) continue;
    std::unique_ptr<LaneShare>& share = shares[shard->lane];
    if (share == nullptr) share = std::make_unique<LaneShare>();
    share->requests.push_back({.fragment = *std::move(fragment)});
    share->shards.push_back(shard);
    share->entries.push_back(std::move(members));
  }
  return shares;
}

env::Task<void> append_share(OperationCall& call, LaneId lane, LaneShare& share) {
  share.replies = co_await call.services.cell.append(call.core, lane, std::move(share.requests));
}

// Sends every lane its share, all at once.
env::Task<void> append_all(OperationCall& call, LaneShares& shares) {
  if (shares.size() == 1) {
    co_await append_share(call, shares.begin()->first, *shares.begin()->second);
    co_return;
  }
  env::TaskGroup group(call.core);
  for (auto& [lane, share] : shares) group.spawn(append_share(call, lane, *share));
  co_await group.wait();
}

void record_outcomes(const LaneShare& share, std::vector<Entry>& entries) {
  for (std::size_t f = 0; f < share.replies.size(); ++f) {
    const cell::AppendReply& reply = share.replies[f];
    for (std::uint32_t place = 0; place < share.entries[f].size(); ++place) {
      Entry& entry = entries[share.entries[f][place]];
      if (place < reply.accepted) {
        entry.refusal = cell::Refusal::none;
        entry.number = model::record_sequence_number(share.shards[f]->created, share.shards[f]->index,
                                                     {reply.first_index.value + place}, reply.arrival);
        entry.done = true;
      } else {
        entry.refusal = reply.refusal == cell::Refusal::none ? cell::Refusal::throttled : reply.refusal;
        entry.done = !is_rerouted(entry.refusal);
      }
    }
  }
}

// Writes the failures of one request. Most of them are the same shard's, one after the other: those share one text.
class FailureWriter {
 public:
  explicit FailureWriter(const directory::Stream& stream) noexcept : stream_(stream) {}

  void write(kinesis::PutRecordsWriter& writer, cell::Refusal refusal, ShardIndex shard) {
    if (!last_ || last_->refusal != refusal || last_->shard != shard) {
      last_.emplace(refusal, shard, put_error(refusal, stream_, shard));
    }
    const kinesis::ApiError& error = last_->error;
    if (error.code == kinesis::ApiErrorCode::provisioned_throughput_exceeded) {
      writer.failure(kinesis::info(error.code).name, error.message);
    } else {
      writer.failure(kinesis::info(kinesis::ApiErrorCode::internal_failure).name,
                     kinesis::errors::internal_service_failure_message);
    }
  }

 private:
  struct Failure {
    cell::Refusal refusal;
    ShardIndex shard;
    kinesis::ApiError error;
  };
  const directory::Stream& stream_;
  std::optional<Failure> last_;
};

std::string encode_outcomes(OperationCall& call, const directory::Stream& stream,
                            const std::vector<PutRecordsRequestEntry>& records, const std::vector<Entry>& entries) {
  kinesis::PutRecordsWriter writer(call.encoding, entries.size());
  std::array<char, model::shard_id_characters> id;
  std::array<char, model::sequence_number_digits> number;
  std::uint64_t bytes_in = 0;
  std::uint64_t records_in = 0;
  FailureWriter failures(stream);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& entry = entries[i];
    if (is_stored(entry)) {
      model::format_shard_id(entry.shard, id);
      model::format(entry.number, number);
      writer.success({id.data(), id.size()}, {number.data(), number.size()});
      bytes_in += record_bytes(*records[i].partition_key, *records[i].data);
      ++records_in;
      continue;
    }
    const cell::Refusal refusal = entry.done ? entry.refusal : cell::Refusal::unavailable;
    note_refused(call, refusal);
    failures.write(writer, refusal, entry.shard);
  }
  call.is_in_vain = call.is_over_rate && 2 * records_in < entries.size();
  call.services.metrics.records_in.add(records_in);
  call.services.metrics.record_bytes_in.add(bytes_in);
  return std::move(writer).finish();
}

}  // namespace

env::Task<OperationResult> put_records(OperationCall& call) {
  WEIR_API_TRY(const PutRecordsInput input, co_await decode_input<PutRecordsInput>(call));
  if (call.is_large()) co_await call.large_work.turn();  // decoded; next is to encode
  WEIR_API_TRY(auto stream, find_stream_with_shards(call, input.stream_name, input.stream_arn));
  if (auto error = check_sizes(*input.records, *stream)) co_return std::unexpected(std::move(*error));
  WEIR_API_TRY(std::vector<Entry> entries, place_entries(*input.records));
  if (input.dry_run.value_or(false)) co_return std::unexpected(kinesis::errors::dry_run());

  // A round per shard map: entries whose shard is closed go round again with the next map, or when it may be open
  // again.
  const MonotonicTime deadline = call.core.now() + Duration(call.services.settings.reroute_time_max.get());
  while (true) {
    const std::uint64_t map_version = call.routes.map()->version();
    LaneShares shares = share_out(call, *stream, *input.records, entries);
    co_await append_all(call, shares);
    for (const auto& [lane, share] : shares) record_outcomes(*share, entries);
    const bool all_done = std::ranges::all_of(entries, [](const Entry& entry) { return entry.done; });
    if (all_done || !co_await wait_to_reroute(call, map_version, deadline)) break;
    auto again = find_stream_with_shards(call, input.stream_name, input.stream_arn);
    if (!again) {  // deleted meanwhile: what was stored stays acknowledged, the rest fails
      if (std::ranges::none_of(entries, is_stored)) co_return std::unexpected(std::move(again.error()));
      break;
    }
    stream = std::move(*again);
  }
  co_return encode_outcomes(call, *stream, *input.records, entries);
}

}  // namespace weir::frontend
