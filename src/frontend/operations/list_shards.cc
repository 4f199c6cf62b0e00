// ListShards: a stream's shards by id, filtered, page by page (API reference, sections 3.4 and 4.6). The filter travels
// in the token: clients send NextToken alone.
#include <algorithm>

#include "frontend/operations/common.h"
#include "frontend/operations/operations.h"
#include "frontend/operations/page_token.h"
#include "frontend/operations/shard_filter.h"
#include "kinesis/shapes/list_shards.h"
#include "model/limits.h"
#include "model/shard_id.h"

namespace weir::frontend {
namespace {

using kinesis::ListShardsInput;

// What a page lists: decided by the first request, carried on by the token.
struct Listing {
  std::shared_ptr<const directory::Stream> stream;
  ShardSelection selection;
  std::optional<ShardIndex> after;
};

ApiResult<Listing> continue_listing(const OperationCall& call, const ListShardsInput& input) {
  if (input.stream_name) return std::unexpected(kinesis::errors::token_and_stream());
  if (input.stream_arn) return std::unexpected(kinesis::errors::token_and("StreamARN"));
  if (input.stream_creation_timestamp) return std::unexpected(kinesis::errors::token_and("StreamCreationTimestamp"));
  if (input.exclusive_start_shard_id) return std::unexpected(kinesis::errors::token_and("ExclusiveStartShardId"));
  if (input.shard_filter) return std::unexpected(kinesis::errors::token_and("ShardFilter"));
  auto token =
      PageTokenReader::open(call.sealer, model::TokenKind::list_shards, *input.next_token, call.core.wall_now());
  if (!token) return std::unexpected(std::move(token.error()));
  const StreamId id{token->number()};
  const std::string name = token->text();
  Listing listing;
  listing.after = ShardIndex{static_cast<std::uint32_t>(token->number())};
  listing.selection.kind = static_cast<ShardSelection::Kind>(token->number());
  listing.selection.time = wall_time_ms(static_cast<std::int64_t>(token->number()));
  listing.stream = call.routes.map()->find(id);
  if (listing.stream == nullptr || listing.stream->scope != scope_of(call)) {
    return std::unexpected(kinesis::errors::stream_not_found(name, call.identity.account));
  }
  return listing;
}

ApiResult<Listing> begin_listing(const OperationCall& call, const ListShardsInput& input) {
  if (!input.stream_name && !input.stream_arn) return std::unexpected(kinesis::errors::token_or_stream_missing());
  auto stream = find_stream(call, input.stream_name, input.stream_arn);
  if (!stream) return std::unexpected(std::move(stream.error()));
  const directory::Stream& found = **stream;
  if (input.stream_creation_timestamp &&
      unix_seconds(*input.stream_creation_timestamp) != unix_seconds(found.created)) {
    return std::unexpected(kinesis::errors::stream_not_found(found.name, found.scope.account));
  }
  Listing listing;
  if (input.shard_filter) {
    auto selection = select_shards(*input.shard_filter, found, call.core.wall_now());
    if (!selection) return std::unexpected(std::move(selection.error()));
    listing.selection = *selection;
    listing.after = selection->after;
  }
  if (input.exclusive_start_shard_id) {
    const auto after = model::parse_shard_id(*input.exclusive_start_shard_id);
    if (!after) {
      return std::unexpected(
          kinesis::errors::shard_not_parsed(*input.exclusive_start_shard_id, found.name, found.scope.account));
    }
    listing.after = std::max(listing.after.value_or(*after), *after);
  }
  listing.stream = std::move(*stream);
  return listing;
}

std::string next_token(const OperationCall& call, const Listing& listing, ShardIndex last) {
  return PageTokenWriter(call.core.wall_now())
      .number(listing.stream->id.value)
      .text(listing.stream->name)
      .number(last.value)
      .number(static_cast<std::uint64_t>(listing.selection.kind))
      .number(static_cast<std::uint64_t>(unix_milliseconds(listing.selection.time)))
      .seal(call.sealer, model::TokenKind::list_shards);
}

}  // namespace

env::Task<OperationResult> list_shards(OperationCall& call) {
  WEIR_API_TRY(const ListShardsInput input, co_await decode_input<ListShardsInput>(call));
  WEIR_API_TRY(const Listing listing, input.next_token ? continue_listing(call, input) : begin_listing(call, input));
  const directory::Stream& stream = *listing.stream;
  if (auto error = co_await over_call_rate(call, stream.name)) co_return std::unexpected(std::move(*error));
  if (stream.status != directory::StreamStatus::active && stream.status != directory::StreamStatus::updating) {
    co_return std::unexpected(kinesis::errors::stream_not_active(stream.name, stream.scope.account,
                                                                 kinesis::Choice(wire_status(stream.status)).text));
  }
  const auto wanted = static_cast<std::size_t>(input.max_results.value_or(model::limits::list_shards_max));
  const std::size_t limit = std::min<std::size_t>(wanted, model::limits::list_shards_max);

  kinesis::ListShardsOutput output;
  ShardIndex last;
  for (const directory::Shard& shard : stream.shards) {
    if ((listing.after && shard.index <= *listing.after) || !is_selected(listing.selection, stream, shard)) continue;
    if (output.shards.size() == limit) {
      output.next_token = next_token(call, listing, last);
      break;
    }
    output.shards.push_back(wire_shard(shard));
    last = shard.index;
  }
  co_return kinesis::encode(call.encoding, output);
}

}  // namespace weir::frontend
