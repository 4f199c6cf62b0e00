// The bytes of the cell's RPC: everything comes out as it went in, and whatever else comes in is refused.
#include "cell/remote/rpc_codec.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "tests/cell/lane_test_support.h"

namespace weir::cell {
namespace {

constexpr std::int64_t millis_most = std::int64_t{1} << 60;

rc::Gen<std::string> any_text() { return rc::gen::container<std::string>(rc::gen::arbitrary<char>()); }

Refusal any_refusal() { return static_cast<Refusal>(*rc::gen::inRange(0, 6)); }

std::uint64_t any_number() { return *rc::gen::arbitrary<std::uint64_t>(); }

WallTime any_time() { return wall_time_ms(*rc::gen::inRange<std::int64_t>(-millis_most, millis_most)); }

ShardKey any_shard() { return {StreamId{any_number()}, ShardIndex{*rc::gen::arbitrary<std::uint32_t>()}}; }

Throttle any_throttle() {
  Throttle throttle{.wait = microseconds(*rc::gen::inRange(0, 1'000'001)), .bytes_left = any_number()};
  const int rooms = *rc::gen::inRange(0, 19);
  for (int i = 0; i < rooms; ++i) {
    throttle.later.push_back({.until = microseconds(*rc::gen::inRange(0, 1'000'001)), .bytes = any_number()});
  }
  return throttle;
}

CallHeader any_header() {
  return {
      .lane = LaneId{*rc::gen::arbitrary<std::uint32_t>()}, .map_version = any_number(), .epoch = Epoch{any_number()}};
}

LaneRefusal any_lane_refusal() {
  LaneRefusal refusal{.refusal = *rc::gen::element(Refusal::not_mine, Refusal::unavailable, Refusal::failed),
                      .reason = *any_text(),
                      .owner = std::nullopt,
                      .map_version = any_number()};
  if (*rc::gen::arbitrary<bool>()) {
    refusal.owner = directory::LaneOwner{.node = *any_text(),
                                         .address = *any_text(),
                                         .port = *rc::gen::arbitrary<std::uint16_t>(),
                                         .epoch = Epoch{any_number()}};
  }
  return refusal;
}

journal::Fragment any_fragment(ShardKey shard) {
  const auto records = *rc::gen::inRange(1, 6);
  journal::FragmentBuilder builder(shard, 1, 0);
  for (int i = 0; i < records; ++i) {
    std::optional<HashKey> hash;
    if (*rc::gen::arbitrary<bool>()) hash = HashKey{any_number()};
    builder.add("k" + *any_text(), hash, as_bytes(*any_text()));
  }
  return std::move(builder).finish();
}

struct Record {
  std::uint64_t index = 0;
  WallTime arrival;
  std::string key;
  std::optional<HashKey> hash;
  std::string data;
  friend bool operator==(const Record&, const Record&) = default;
};

std::vector<Record> records_of(const journal::FragmentView& fragment, std::uint32_t skip, std::uint32_t count) {
  std::vector<Record> records;
  std::uint32_t ordinal = 0;
  fragment.for_each([&](const journal::RecordView& record) {
    if (ordinal >= skip && ordinal < skip + count) {
      records.push_back({record.index.value, record.arrival, std::string(record.partition_key),
                         record.explicit_hash_key, std::string(as_text(record.data))});
    }
    ++ordinal;
    return true;
  });
  return records;
}

std::vector<Record> records_of(const journal::ReadResult& result) {
  std::vector<Record> records;
  for (const auto& slice : result.slices) {
    for (Record& record : records_of(slice.fragment, slice.skip, slice.count)) records.push_back(std::move(record));
  }
  return records;
}

void expect_same(const LaneRefusal& left, const LaneRefusal& right) {
  RC_ASSERT(left.refusal == right.refusal);
  RC_ASSERT(left.reason == right.reason);
  RC_ASSERT(left.owner == right.owner);
  RC_ASSERT(left.map_version == right.map_version);
}

RC_GTEST_PROP(CellRpcCodec, ReserveCallsAndAnswersComeOutAsTheyWentIn, ()) {
  const ReserveCall call{.header = any_header(),
                         .shard = any_shard(),
                         .record_bytes = *rc::gen::nonEmpty(rc::gen::arbitrary<std::vector<std::uint32_t>>()),
                         .kept_back = *rc::gen::arbitrary<std::uint8_t>()};
  const auto got = decode_reserve_call(as_bytes(encode(call)));
  RC_ASSERT(got.has_value());
  RC_ASSERT(got->header == call.header);
  RC_ASSERT(got->shard == call.shard);
  RC_ASSERT(got->record_bytes == call.record_bytes);
  RC_ASSERT(got->kept_back == call.kept_back);
  const ReserveReply reply{.refusal = Refusal::throttled,
                           .accepted = *rc::gen::arbitrary<std::uint32_t>(),
                           .reason = *any_text(),
                           .throttle = {.wait = milliseconds(20),
                                        .bytes_left = 5,
                                        .later = {{.until = milliseconds(30), .bytes = 7, .any_first = true}}}};
  const auto answer = decode_reserve_answer(encode_reserve_answer(reply));
  RC_ASSERT((answer.has_value() && answer->has_value()));
  RC_ASSERT((*answer)->refusal == reply.refusal);
  RC_ASSERT((*answer)->accepted == reply.accepted);
  RC_ASSERT((*answer)->reason == reply.reason);
  RC_ASSERT((*answer)->throttle == reply.throttle);
}

TEST(CellRpcCodec, RoomForNothingAndForMoreThanARequestBringsIsRefused) {
  ReserveCall call{.header = {.lane = LaneId{1}}, .shard = first_shard, .record_bytes = {}};
  EXPECT_FALSE(decode_reserve_call(as_bytes(encode(call))).has_value());
  call.record_bytes.resize(500, 1);
  EXPECT_TRUE(decode_reserve_call(as_bytes(encode(call))).has_value());
  call.record_bytes.push_back(1);
  EXPECT_FALSE(decode_reserve_call(as_bytes(encode(call))).has_value());
}

TEST(CellRpcCodec, WhatIsSaidOfEachFragmentComesOut) {
  auto first = make_fragment(first_shard, "a");
  auto second = make_fragment(second_shard, "b");
  std::vector<journal::Fragment*> pointers{&first, &second};
  const std::vector<model::Demand::Slots> kept_back{0, 0x81};
  const auto call =
      decode_append_call(as_bytes(encode_append_call({.lane = LaneId{1}}, pointers, kept_back, {true, false})));
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->requests[0].kept_back, 0);
  EXPECT_EQ(call->requests[1].kept_back, 0x81);
  EXPECT_TRUE(call->requests[0].has_room);
  EXPECT_FALSE(call->requests[1].has_room);
}

RC_GTEST_PROP(CellRpcCodec, AppendCallsComeOutAsTheyWentIn, ()) {
  const CallHeader header = any_header();
  std::vector<journal::Fragment> fragments;
  const auto count = *rc::gen::inRange(1, 5);
  for (int i = 0; i < count; ++i) fragments.push_back(any_fragment(any_shard()));
  std::vector<journal::Fragment*> pointers;
  for (auto& fragment : fragments) pointers.push_back(&fragment);
  const std::string body = encode_append_call(header, pointers);
  const auto call = decode_append_call(as_bytes(body));
  RC_ASSERT(call.has_value());
  RC_ASSERT(call->header == header);
  RC_ASSERT(call->requests.size() == fragments.size());
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const journal::Fragment& got = call->requests[i].fragment;
    RC_ASSERT(got.shard() == fragments[i].shard());
    RC_ASSERT(got.record_count() == fragments[i].record_count());
    RC_ASSERT(got.payload_bytes() == fragments[i].payload_bytes());
    RC_ASSERT(as_text(got.bytes()) == as_text(fragments[i].bytes()));
  }
}

RC_GTEST_PROP(CellRpcCodec, AppendRepliesComeOutAsTheyWentIn, ()) {
  std::vector<AppendReply> replies(*rc::gen::inRange<std::size_t>(0, 5));
  for (AppendReply& reply : replies) {
    reply = {.refusal = any_refusal(),
             .first_index = {any_number()},
             .accepted = *rc::gen::arbitrary<std::uint32_t>(),
             .arrival = any_time(),
             .reason = *any_text(),
             .throttle = any_throttle()};
  }
  const auto answer = decode_append_answer(encode_append_answer(replies));
  RC_ASSERT((answer.has_value() && answer->has_value()));
  RC_ASSERT((*answer)->size() == replies.size());
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const AppendReply& got = (**answer)[i];
    RC_ASSERT(got.refusal == replies[i].refusal);
    RC_ASSERT(got.first_index == replies[i].first_index);
    RC_ASSERT(got.accepted == replies[i].accepted);
    RC_ASSERT(got.arrival == replies[i].arrival);
    RC_ASSERT(got.reason == replies[i].reason);
    RC_ASSERT(got.throttle == replies[i].throttle);
  }
}

RC_GTEST_PROP(CellRpcCodec, ReadsComeOutAsTheyWentIn, ()) {
  const ReadCall call{.header = any_header(),
                      .request = {.shard = any_shard(),
                                  .from = {any_number() >> 1},
                                  .not_before = any_time(),
                                  .records_max = *rc::gen::arbitrary<std::uint32_t>(),
                                  .bytes_max = any_number()}};
  const std::string body = encode(call);
  const auto got = decode_read_call(as_bytes(body));
  RC_ASSERT(got.has_value());
  RC_ASSERT(got->header == call.header);
  RC_ASSERT(got->request.shard == call.request.shard);
  RC_ASSERT(got->request.from == call.request.from);
  RC_ASSERT(got->request.not_before == call.request.not_before);
  RC_ASSERT(got->request.records_max == call.request.records_max);
  RC_ASSERT(got->request.bytes_max == call.request.bytes_max);
}

// Of every slice just the records that were read, with their numbers.
RC_GTEST_PROP(CellRpcCodec, ReadRepliesBringTheRecordsThatWereRead, ()) {
  const ShardKey shard = any_shard();
  ReadReply reply{.refusal = any_refusal(), .result = {}, .behind_ms = 0, .shard_ended = false, .reason = *any_text()};
  reply.behind_ms = *rc::gen::inRange<std::int64_t>(0, millis_most);
  reply.shard_ended = *rc::gen::arbitrary<bool>();
  reply.throttle = any_throttle();
  std::vector<std::unique_ptr<journal::Fragment>> fragments;
  const auto count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    auto fragment = std::make_unique<journal::Fragment>(any_fragment(shard));
    fragment->stamp({any_number() >> 2}, any_time());
    const auto skip = *rc::gen::inRange<std::uint32_t>(0, fragment->record_count());
    const auto taken = *rc::gen::inRange<std::uint32_t>(1, fragment->record_count() - skip + 1);
    reply.result.slices.push_back({.buffer = nullptr, .fragment = fragment->view(), .skip = skip, .count = taken});
    fragments.push_back(std::move(fragment));
  }
  reply.result.next = {any_number()};
  reply.result.reached_end = *rc::gen::arbitrary<bool>();
  const auto answer = decode_read_answer(encode_read_answer(reply).whole());
  RC_ASSERT((answer.has_value() && answer->has_value()));
  const ReadReply& got = **answer;
  RC_ASSERT(got.refusal == reply.refusal);
  RC_ASSERT(got.reason == reply.reason);
  RC_ASSERT(got.throttle == reply.throttle);
  RC_ASSERT(got.behind_ms == reply.behind_ms);
  RC_ASSERT(got.shard_ended == reply.shard_ended);
  RC_ASSERT(got.result.next == reply.result.next);
  RC_ASSERT(got.result.reached_end == reply.result.reached_end);
  const auto records = records_of(reply.result);
  RC_ASSERT(records_of(got.result) == records);
  RC_ASSERT(got.result.record_count == records.size());
  std::uint64_t payload = 0;
  for (const Record& record : records) payload += record.key.size() + record.data.size();
  RC_ASSERT(got.result.payload_bytes == payload);
}

TEST(CellRpcCodec, LargeFragmentsAreNotCopied) {
  journal::Fragment large = make_fragment(first_shard, "x", 3, 20'000);
  large.stamp({7}, {});
  const auto owner = std::make_shared<int>(1);
  ReadReply reply;
  reply.result.slices.push_back({.buffer = owner, .fragment = large.view(), .skip = 0, .count = 3});
  reply.result.slices.push_back({.buffer = owner, .fragment = large.view(), .skip = 1, .count = 2});
  const ReadAnswerBody body = encode_read_answer(reply);
  ASSERT_EQ(body.rest.size(), 2U);
  EXPECT_EQ(body.rest[0].bytes.data(), large.bytes().data());
  EXPECT_EQ(body.rest[0].owner, owner) << "it lives as long as it is sent";
  EXPECT_LT(body.first.size(), 100U);

  auto answer = decode_read_answer(body.whole());
  ASSERT_TRUE(answer.has_value() && answer->has_value());
  const journal::ReadResult got = std::move((*answer)->result);
  EXPECT_EQ(records_of(got), records_of(reply.result));
  EXPECT_EQ(got.slices[0].buffer, got.slices[1].buffer) << "both are in the answer's body";
}

RC_GTEST_PROP(CellRpcCodec, LocatesAndClosesComeOutAsTheyWentIn, ()) {
  const LocateCall locate{.header = any_header(),
                          .shard = any_shard(),
                          .from = static_cast<StartFrom>(*rc::gen::inRange(0, 4)),
                          .time = any_time()};
  const std::string locate_body = encode(locate);
  const auto got = decode_locate_call(as_bytes(locate_body));
  RC_ASSERT(got.has_value());
  RC_ASSERT((got->header == locate.header && got->shard == locate.shard));
  RC_ASSERT((got->from == locate.from && got->time == locate.time));

  const LocateReply reply{
      .refusal = any_refusal(), .position = {any_number()}, .reason = *any_text(), .throttle = any_throttle()};
  const auto located = decode_locate_answer(encode_locate_answer(reply));
  RC_ASSERT((located.has_value() && located->has_value()));
  RC_ASSERT((*located)->refusal == reply.refusal);
  RC_ASSERT((*located)->position == reply.position);
  RC_ASSERT((*located)->reason == reply.reason);
  RC_ASSERT((*located)->throttle == reply.throttle);

  const ShardCall close{.header = any_header(), .shard = any_shard()};
  const std::string close_body = encode(close);
  const auto closing = decode_shard_call(as_bytes(close_body));
  RC_ASSERT((closing.has_value() && closing->header == close.header && closing->shard == close.shard));

  Result<directory::ShardClosing> closed_at =
      directory::ShardClosing{any_time(), Epoch{*rc::gen::inRange<std::uint64_t>(1, 1'000'000)}};
  if (*rc::gen::arbitrary<bool>()) {
    closed_at =
        fail(static_cast<ErrorCode>(*rc::gen::inRange(0, static_cast<int>(ErrorCode::internal) + 1)), *any_text());
  }
  const auto closed = decode_close_shard_answer(encode_close_shard_answer(closed_at));
  RC_ASSERT((closed.has_value() && closed->has_value()));
  RC_ASSERT((*closed)->has_value() == closed_at.has_value());
  if (closed_at.has_value()) RC_ASSERT(***closed == *closed_at);
  if (!closed_at.has_value()) {
    RC_ASSERT((*closed)->error().code == closed_at.error().code);
    RC_ASSERT((*closed)->error().message == closed_at.error().message);
  }
  const auto reopened = decode_reopen_shard_answer(encode_reopen_shard_answer());
  RC_ASSERT((reopened.has_value() && reopened->has_value()));
}

RC_GTEST_PROP(CellRpcCodec, ARefusalIsOneWhateverWasAsked, ()) {
  const LaneRefusal refusal = any_lane_refusal();
  const std::string body = encode_refusal(refusal);
  const auto append = decode_append_answer(body);
  const auto read = decode_read_answer(body);
  const auto locate = decode_locate_answer(body);
  const auto close = decode_close_shard_answer(body);
  const auto reopen = decode_reopen_shard_answer(body);
  RC_ASSERT((append.has_value() && !append->has_value()));
  expect_same(append->error(), refusal);
  RC_ASSERT((read.has_value() && !read->has_value()));
  expect_same(read->error(), refusal);
  RC_ASSERT((locate.has_value() && !locate->has_value()));
  expect_same(locate->error(), refusal);
  RC_ASSERT((close.has_value() && !close->has_value()));
  expect_same(close->error(), refusal);
  RC_ASSERT((reopen.has_value() && !reopen->has_value()));
  expect_same(reopen->error(), refusal);
}

// Everything that could be read of arbitrary bytes is looked at, so that the sanitizers see it.
void decode_everything(const std::string& body) {
  if (const auto call = decode_append_call(as_bytes(body))) {
    RC_ASSERT(!call->requests.empty());
    for (const AppendRequest& request : call->requests) {
      static_cast<void>(records_of(request.fragment.view(), 0, request.fragment.record_count()));
    }
  }
  static_cast<void>(decode_reserve_call(as_bytes(body)));
  static_cast<void>(decode_reserve_answer(body));
  static_cast<void>(decode_read_call(as_bytes(body)));
  static_cast<void>(decode_locate_call(as_bytes(body)));
  static_cast<void>(decode_shard_call(as_bytes(body)));
  static_cast<void>(decode_append_answer(body));
  if (const auto answer = decode_read_answer(body); answer.has_value() && answer->has_value()) {
    RC_ASSERT(records_of((*answer)->result).size() == (*answer)->result.record_count);
  }
  static_cast<void>(decode_locate_answer(body));
  static_cast<void>(decode_close_shard_answer(body));
  static_cast<void>(decode_reopen_shard_answer(body));
}

RC_GTEST_PROP(CellRpcCodec, ArbitraryBytesDoNoHarm, ()) { decode_everything(*any_text()); }

RC_GTEST_PROP(CellRpcCodec, ChangedBytesDoNoHarmAndNeverBringChangedRecords, ()) {
  auto fragment = any_fragment(any_shard());
  std::vector<journal::Fragment*> pointers{&fragment};
  std::string body = encode_append_call(any_header(), pointers);
  const std::string stored(as_text(fragment.bytes()));
  const auto changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, body.size());
    switch (*rc::gen::inRange(0, 3)) {
      case 0: body[at] = static_cast<char>(*rc::gen::arbitrary<std::uint8_t>()); break;
      case 1: body.resize(std::max<std::size_t>(at, 1)); break;
      default: body.insert(at, 1, static_cast<char>(*rc::gen::arbitrary<std::uint8_t>()));
    }
  }
  decode_everything(body);
  const auto call = decode_append_call(as_bytes(body));
  if (!call.has_value()) return;
  for (const AppendRequest& request : call->requests) RC_ASSERT(as_text(request.fragment.bytes()) == stored);
}

TEST(CellRpcCodec, AnAppendOfNothingAndAFragmentThatIsTooLargeAreRefused) {
  EXPECT_FALSE(decode_append_call({}).has_value());
  EXPECT_FALSE(decode_append_call(as_bytes(encode_append_call({.lane = LaneId{1}}, {}))).has_value());
}

TEST(CellRpcCodec, WhatANewerVersionAddsIsPassedOver) {
  std::string body = encode(ShardCall{.header = {.lane = LaneId{7}}, .shard = first_shard});
  body.append("\xfa\x7f\x03new", 6);  // field 2047, three bytes
  const auto call = decode_shard_call(as_bytes(body));
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->header.lane, LaneId{7});
  EXPECT_EQ(call->shard, first_shard);
}

}  // namespace
}  // namespace weir::cell
