#include "cell/remote/rpc_codec.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "cell/remote/bytes_field.h"
#include "cell/remote/rpc.pb.h"
#include "model/limits.h"
#include "model/rate_window.h"

namespace weir::cell {
namespace {

constexpr std::uint64_t record_index_end = std::uint64_t{1} << 63;

// Parses any of the messages. The error does not repeat what came.
template <class Message>
Result<Message> parse(std::string_view body) {
  Message message;
  if (body.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return fail(ErrorCode::corrupt, "not a message of the cell's RPC");
  }
  return message;
}

rpc::Refusal to_message(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::none: return rpc::NONE;
    case Refusal::throttled: return rpc::THROTTLED;
    case Refusal::shard_closed: return rpc::SHARD_CLOSED;
    case Refusal::not_mine: return rpc::NOT_MINE;
    case Refusal::unavailable: return rpc::UNAVAILABLE;
    case Refusal::failed: return rpc::FAILED;
  }
  return rpc::FAILED;
}

// One that only a newer version knows is at least a refusal; `failed` claims the least.
Refusal from_message(rpc::Refusal refusal) noexcept {
  switch (refusal) {
    case rpc::NONE: return Refusal::none;
    case rpc::THROTTLED: return Refusal::throttled;
    case rpc::SHARD_CLOSED: return Refusal::shard_closed;
    case rpc::NOT_MINE: return Refusal::not_mine;
    case rpc::UNAVAILABLE: return Refusal::unavailable;
    default: return Refusal::failed;
  }
}

void to_message(const CallHeader& header, rpc::CallHeader& message) {
  message.set_lane(header.lane.value);
  message.set_map_version(header.map_version);
  message.set_epoch(header.epoch.value);
}

CallHeader from_message(const rpc::CallHeader& message) noexcept {
  return {.lane = LaneId{message.lane()}, .map_version = message.map_version(), .epoch = Epoch{message.epoch()}};
}

template <class Message>
void put_shard(ShardKey shard, Message& message) {
  message.set_stream(shard.stream.value);
  message.set_shard(shard.shard.value);
}

template <class Message>
ShardKey shard_of(const Message& message) noexcept {
  return {StreamId{message.stream()}, ShardIndex{message.shard()}};
}

void to_message(const LaneRefusal& refusal, rpc::LaneRefusal& message) {
  message.set_refusal(to_message(refusal.refusal));
  message.set_reason(refusal.reason);
  message.set_map_version(refusal.map_version);
  if (!refusal.owner.has_value()) return;
  rpc::Owner& owner = *message.mutable_owner();
  owner.set_node(refusal.owner->node);
  owner.set_address(refusal.owner->address);
  owner.set_port(refusal.owner->port);
  owner.set_epoch(refusal.owner->epoch.value);
}

Result<LaneRefusal> from_message(const rpc::LaneRefusal& message) {
  LaneRefusal refusal{.refusal = from_message(message.refusal()),
                      .reason = message.reason(),
                      .owner = std::nullopt,
                      .map_version = message.map_version()};
  if (refusal.refusal != Refusal::not_mine && refusal.refusal != Refusal::unavailable) {
    refusal.refusal = Refusal::failed;
  }
  if (message.has_owner()) {
    const rpc::Owner& owner = message.owner();
    if (owner.port() > 0xffff) return fail(ErrorCode::corrupt, "an impossible port");
    refusal.owner = directory::LaneOwner{.node = owner.node(),
                                         .address = owner.address(),
                                         .port = static_cast<std::uint16_t>(owner.port()),
                                         .epoch = Epoch{owner.epoch()}};
  }
  return refusal;
}

// Fragments that have less on average are copied together.
constexpr std::size_t shared_bytes_min = 16 * kibibyte;

// Decodes any answer: the refusal that all have in common, or what `rest` makes of the message.
template <class T, class Message, class Rest>
Result<Answer<T>> decode_answer(std::string_view body, Rest rest) {
  WEIR_TRY(Message message, parse<Message>(body));
  if (message.has_refused()) {
    WEIR_TRY(LaneRefusal refusal, from_message(message.refused()));
    return Answer<T>(std::unexpected(std::move(refusal)));
  }
  return rest(message);
}

// Calls take(bytes) for each of the fragments, which take no more than it says: Result<std::size_t>.
template <class Take>
Result<void> split_fragments(BytesView rest, Take take) {
  while (!rest.empty()) {
    WEIR_TRY(const std::size_t taken, take(rest));
    rest = rest.subspan(taken);
  }
  return {};
}

// The slice's records as a fragment: the one that they are from, or, of a part of it, one of their own.
net::SharedBytes bytes_of(const journal::FragmentSlice& slice) {
  const journal::FragmentView& fragment = slice.fragment;
  if (slice.skip == 0 && slice.count == fragment.record_count()) {
    return {.owner = slice.buffer, .bytes = fragment.bytes()};
  }
  journal::FragmentBuilder builder(fragment.shard(), slice.count, fragment.payload_bytes());
  std::uint32_t ordinal = 0;
  fragment.for_each([&](const journal::RecordView& record) {
    if (ordinal >= slice.skip) builder.add(record.partition_key, record.explicit_hash_key, record.data);
    return ++ordinal < slice.skip + slice.count;
  });
  auto part = std::make_shared<journal::Fragment>(std::move(builder).finish());
  part->stamp({fragment.first_index().value + slice.skip}, fragment.arrival());
  return {.owner = part, .bytes = part->bytes()};
}

// A code that only a newer version knows is `internal`.
ErrorCode error_code(std::string_view name) noexcept {
  for (std::uint8_t code = 0; code <= static_cast<std::uint8_t>(ErrorCode::internal); ++code) {
    if (to_string(static_cast<ErrorCode>(code)) == name) return static_cast<ErrorCode>(code);
  }
  return ErrorCode::internal;
}

template <class Message>
void put_throttle(const Throttle& throttle, Message& message) {
  if (throttle == Throttle{}) return;
  message.mutable_throttle()->set_wait_us(static_cast<std::uint64_t>(throttle.wait.count()));
  message.mutable_throttle()->set_bytes_left(throttle.bytes_left);
  for (const Throttle::Room& room : throttle.later) {
    rpc::Room& later = *message.mutable_throttle()->add_later();
    later.set_until_us(static_cast<std::uint64_t>(room.until.count()));
    later.set_bytes(room.bytes);
    later.set_any_first(room.any_first);
  }
}

microseconds throttle_time(std::uint64_t us) {
  return microseconds(std::min<std::uint64_t>(us, microseconds(throttle_wait_max).count()));
}

template <class Message>
Throttle throttle_of(const Message& message) {
  const rpc::Throttle& told = message.throttle();
  Throttle throttle{.wait = throttle_time(told.wait_us()), .bytes_left = told.bytes_left(), .later = {}};
  for (const rpc::Room& room : told.later()) {
    if (throttle.later.size() == model::rooms_max) break;
    throttle.later.push_back(
        {.until = throttle_time(room.until_us()), .bytes = room.bytes(), .any_first = room.any_first()});
  }
  return throttle;
}

}  // namespace

std::string encode_append_call(const CallHeader& header, std::span<journal::Fragment* const> fragments,
                               std::span<const model::Demand::Slots> kept_back, const std::vector<bool>& has_room) {
  rpc::AppendCall message;
  to_message(header, *message.mutable_header());
  if (std::ranges::any_of(kept_back, [](model::Demand::Slots slots) { return slots != 0; })) {
    message.mutable_kept_back()->Add(kept_back.begin(), kept_back.end());
  }
  if (std::ranges::find(has_room, true) != has_room.end())
    message.mutable_has_room()->Add(has_room.begin(), has_room.end());
  std::string body = message.SerializeAsString();
  std::size_t bytes = 0;
  for (const journal::Fragment* fragment : fragments) bytes += fragment->bytes().size();
  begin_bytes(body, rpc::AppendCall::kFragmentsFieldNumber, bytes, bytes);
  for (journal::Fragment* const fragment : fragments) {
    fragment->stamp({0}, WallTime{});
    body.append(as_text(fragment->bytes()));
  }
  return body;
}

std::string encode(const ReserveCall& call) {
  rpc::ReserveCall message;
  to_message(call.header, *message.mutable_header());
  put_shard(call.shard, message);
  message.mutable_record_bytes()->Add(call.record_bytes.begin(), call.record_bytes.end());
  message.set_kept_back(call.kept_back);
  return message.SerializeAsString();
}

std::string encode(const ReadCall& call) {
  rpc::ReadCall message;
  to_message(call.header, *message.mutable_header());
  put_shard(call.request.shard, message);
  message.set_from(call.request.from.value);
  message.set_not_before_ms(unix_milliseconds(call.request.not_before));
  message.set_records_max(call.request.records_max);
  message.set_bytes_max(call.request.bytes_max);
  return message.SerializeAsString();
}

std::string encode(const LocateCall& call) {
  rpc::LocateCall message;
  to_message(call.header, *message.mutable_header());
  put_shard(call.shard, message);
  message.set_from(static_cast<rpc::StartFrom>(call.from));
  message.set_time_ms(unix_milliseconds(call.time));
  return message.SerializeAsString();
}

std::string encode(const ShardCall& call) {
  rpc::ShardCall message;
  to_message(call.header, *message.mutable_header());
  put_shard(call.shard, message);
  message.set_order_term(call.order.term);
  message.set_order_number(call.order.number);
  return message.SerializeAsString();
}

Result<AppendCall> decode_append_call(BytesView body) {
  WEIR_TRY(const WithoutBytes parts, split_off(as_text(body), rpc::AppendCall::kFragmentsFieldNumber));
  WEIR_TRY(const rpc::AppendCall message, parse<rpc::AppendCall>(parts.rest));
  AppendCall call{.header = from_message(message.header()), .requests = {}};
  WEIR_CHECK(split_fragments(parts.bytes, [&call, &message](BytesView rest) -> Result<std::size_t> {
    WEIR_TRY(journal::Fragment fragment, journal::Fragment::copy_of(rest));
    const std::size_t taken = fragment.bytes().size();
    const auto position = static_cast<int>(call.requests.size());
    const std::uint32_t kept_back = position < message.kept_back_size() ? message.kept_back(position) : 0;
    call.requests.push_back({.fragment = std::move(fragment),
                             .kept_back = static_cast<model::Demand::Slots>(kept_back & 0xff),
                             .has_room = position < message.has_room_size() && message.has_room(position)});
    return taken;
  }));
  if (call.requests.empty()) return fail(ErrorCode::corrupt, "an append of nothing");
  return call;
}

Result<ReserveCall> decode_reserve_call(BytesView body) {
  WEIR_TRY(const rpc::ReserveCall message, parse<rpc::ReserveCall>(as_text(body)));
  if (message.record_bytes().empty()) return fail(ErrorCode::corrupt, "room for nothing");
  if (message.record_bytes_size() > static_cast<int>(model::limits::put_records_entries_max)) {
    return fail(ErrorCode::corrupt, "room for more records than one request brings");
  }
  return ReserveCall{.header = from_message(message.header()),
                     .shard = shard_of(message),
                     .record_bytes = {message.record_bytes().begin(), message.record_bytes().end()},
                     .kept_back = static_cast<model::Demand::Slots>(message.kept_back() & 0xff)};
}

Result<ReadCall> decode_read_call(BytesView body) {
  WEIR_TRY(const rpc::ReadCall message, parse<rpc::ReadCall>(as_text(body)));
  if (message.from() > record_index_end) return fail(ErrorCode::corrupt, "an impossible record number");
  return ReadCall{.header = from_message(message.header()),
                  .request = {.shard = shard_of(message),
                              .from = {message.from()},
                              .not_before = wall_time_ms(message.not_before_ms()),
                              .records_max = message.records_max(),
                              .bytes_max = message.bytes_max()}};
}

Result<LocateCall> decode_locate_call(BytesView body) {
  WEIR_TRY(const rpc::LocateCall message, parse<rpc::LocateCall>(as_text(body)));
  if (!rpc::StartFrom_IsValid(message.from())) return fail(ErrorCode::corrupt, "an unknown start of an iterator");
  return LocateCall{.header = from_message(message.header()),
                    .shard = shard_of(message),
                    .from = static_cast<StartFrom>(message.from()),
                    .time = wall_time_ms(message.time_ms())};
}

Result<ShardCall> decode_shard_call(BytesView body) {
  WEIR_TRY(const rpc::ShardCall message, parse<rpc::ShardCall>(as_text(body)));
  return ShardCall{.header = from_message(message.header()),
                   .shard = shard_of(message),
                   .order = {.term = message.order_term(), .number = message.order_number()}};
}

std::string encode_refusal(const LaneRefusal& refusal) {
  rpc::ReopenShardAnswer message;  // any kind: they are the same as far as this goes
  to_message(refusal, *message.mutable_refused());
  return message.SerializeAsString();
}

std::string encode_append_answer(const std::vector<AppendReply>& replies) {
  rpc::AppendAnswer answer;
  answer.mutable_replies()->Reserve(static_cast<int>(replies.size()));
  for (const AppendReply& reply : replies) {
    rpc::AppendReply& message = *answer.add_replies();
    message.set_refusal(to_message(reply.refusal));
    message.set_first_index(reply.first_index.value);
    message.set_accepted(reply.accepted);
    message.set_arrival_ms(unix_milliseconds(reply.arrival));
    message.set_reason(reply.reason);
    put_throttle(reply.throttle, message);
  }
  return answer.SerializeAsString();
}

std::string encode_reserve_answer(const ReserveReply& reply) {
  rpc::ReserveAnswer message;
  message.set_refusal(to_message(reply.refusal));
  message.set_accepted(reply.accepted);
  message.set_reason(reply.reason);
  put_throttle(reply.throttle, message);
  return message.SerializeAsString();
}

std::string ReadAnswerBody::whole() const {
  std::string body = first;
  for (const net::SharedBytes& part : rest) body.append(as_text(part.bytes));
  return body;
}

ReadAnswerBody encode_read_answer(const ReadReply& reply) {
  rpc::ReadAnswer message;
  message.set_refusal(to_message(reply.refusal));
  message.set_reason(reply.reason);
  message.set_next(reply.result.next.value);
  message.set_reached_end(reply.result.reached_end);
  message.set_behind_ms(reply.behind_ms);
  message.set_shard_ended(reply.shard_ended);
  put_throttle(reply.throttle, message);
  std::vector<net::SharedBytes> parts;
  std::size_t bytes = 0;
  for (const journal::FragmentSlice& slice : reply.result.slices) {
    if (slice.count == 0) continue;
    parts.push_back(bytes_of(slice));
    bytes += parts.back().bytes.size();
  }
  ReadAnswerBody body{.first = message.SerializeAsString(), .rest = {}};
  if (bytes >= parts.size() * shared_bytes_min) {
    begin_bytes(body.first, rpc::ReadAnswer::kFragmentsFieldNumber, bytes, 0);
    body.rest = std::move(parts);
  } else {
    begin_bytes(body.first, rpc::ReadAnswer::kFragmentsFieldNumber, bytes, bytes);
    for (const net::SharedBytes& part : parts) body.first.append(as_text(part.bytes));
  }
  return body;
}

std::string encode_locate_answer(const LocateReply& reply) {
  rpc::LocateAnswer message;
  message.set_refusal(to_message(reply.refusal));
  message.set_position(reply.position.value);
  message.set_reason(reply.reason);
  put_throttle(reply.throttle, message);
  return message.SerializeAsString();
}

std::string encode_close_shard_answer(const Result<directory::ShardClosing>& closed) {
  rpc::CloseShardAnswer message;
  if (closed.has_value()) {
    message.set_closed_ms(unix_milliseconds(closed->time));
    message.set_epoch(closed->epoch.value);
  } else {
    message.mutable_error()->set_code(std::string(to_string(closed.error().code)));
    message.mutable_error()->set_reason(closed.error().message);
  }
  return message.SerializeAsString();
}

std::string encode_reopen_shard_answer() { return rpc::ReopenShardAnswer().SerializeAsString(); }

Result<Answer<std::vector<AppendReply>>> decode_append_answer(std::string_view body) {
  using Replies = std::vector<AppendReply>;
  return decode_answer<Replies, rpc::AppendAnswer>(body, [](const rpc::AppendAnswer& message) {
    Replies replies;
    replies.reserve(static_cast<std::size_t>(message.replies_size()));
    for (const rpc::AppendReply& reply : message.replies()) {
      replies.push_back({.refusal = from_message(reply.refusal()),
                         .first_index = {reply.first_index()},
                         .accepted = reply.accepted(),
                         .arrival = wall_time_ms(reply.arrival_ms()),
                         .reason = reply.reason(),
                         .throttle = throttle_of(reply)});
    }
    return Result<Answer<Replies>>(std::move(replies));
  });
}

Result<Answer<ReserveReply>> decode_reserve_answer(std::string_view body) {
  return decode_answer<ReserveReply, rpc::ReserveAnswer>(body, [](const rpc::ReserveAnswer& message) {
    return Result<Answer<ReserveReply>>(ReserveReply{.refusal = from_message(message.refusal()),
                                                     .accepted = message.accepted(),
                                                     .reason = message.reason(),
                                                     .throttle = throttle_of(message)});
  });
}

Result<Answer<ReadReply>> decode_read_answer(std::string body) {
  const auto bytes = std::make_shared<const std::string>(std::move(body));
  WEIR_TRY(const WithoutBytes parts, split_off(*bytes, rpc::ReadAnswer::kFragmentsFieldNumber));
  const auto rest = [&](const rpc::ReadAnswer& message) -> Result<Answer<ReadReply>> {
    ReadReply reply;
    reply.refusal = from_message(message.refusal());
    reply.reason = message.reason();
    reply.behind_ms = message.behind_ms();
    reply.shard_ended = message.shard_ended();
    reply.throttle = throttle_of(message);
    journal::ReadResult& result = reply.result;
    result.next = {message.next()};
    result.reached_end = message.reached_end();
    WEIR_CHECK(split_fragments(parts.bytes, [&](BytesView left) -> Result<std::size_t> {
      WEIR_TRY(const journal::FragmentView fragment, journal::FragmentView::parse(left));
      result.slices.push_back({.buffer = bytes, .fragment = fragment, .skip = 0, .count = fragment.record_count()});
      result.record_count += fragment.record_count();
      result.payload_bytes += fragment.payload_bytes();
      return fragment.stored_bytes();
    }));
    return reply;
  };
  return decode_answer<ReadReply, rpc::ReadAnswer>(parts.rest, rest);
}

Result<Answer<LocateReply>> decode_locate_answer(std::string_view body) {
  return decode_answer<LocateReply, rpc::LocateAnswer>(body, [](const rpc::LocateAnswer& message) {
    return Result<Answer<LocateReply>>(LocateReply{.refusal = from_message(message.refusal()),
                                                   .position = {message.position()},
                                                   .reason = message.reason(),
                                                   .throttle = throttle_of(message)});
  });
}

Result<Answer<Result<directory::ShardClosing>>> decode_close_shard_answer(std::string_view body) {
  using Closed = Result<directory::ShardClosing>;
  return decode_answer<Closed, rpc::CloseShardAnswer>(
      body, [](const rpc::CloseShardAnswer& message) -> Result<Answer<Closed>> {
        if (message.has_error()) {
          return Answer<Closed>(std::in_place, fail(error_code(message.error().code()), message.error().reason()));
        }
        if (message.epoch() == 0) return fail(ErrorCode::corrupt, "a shard was closed under no epoch");
        return Answer<Closed>(std::in_place,
                              directory::ShardClosing{wall_time_ms(message.closed_ms()), Epoch{message.epoch()}});
      });
}

Result<Answer<void>> decode_reopen_shard_answer(std::string_view body) {
  return decode_answer<void, rpc::ReopenShardAnswer>(
      body, [](const rpc::ReopenShardAnswer&) { return Result<Answer<void>>(std::in_place); });
}

}  // namespace weir::cell
