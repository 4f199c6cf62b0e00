// What version 1 writes between front ends, directories and nodes.
#include "tests/support/golden.h"

#include "cell/remote/rpc_codec.h"
#include "gtest/gtest.h"
#include "tests/cell/lane_test_support.h"

namespace weir::cell {
namespace {

const WallTime some_time = wall_time_ms(1'767'225'600'123);
const CallHeader header{.lane = LaneId{66}, .map_version = 17, .epoch = Epoch{9}};
const ShardKey shard{StreamId{7}, ShardIndex{3}};

journal::Fragment some_fragment() {
  journal::FragmentBuilder builder(shard, 2, 64);
  builder.add("first key", std::nullopt, as_bytes("first data"));
  builder.add("second key", HashKey{12'345}, as_bytes("second data"));
  journal::Fragment fragment = std::move(builder).finish();
  fragment.stamp(RecordIndex{100}, some_time);
  return fragment;
}

std::string text_of(const Error& error) { return "error: " + error.message; }

TEST(Golden, CallsOfTheCellAreRead) {
  test::GoldenFile golden(WEIR_GOLDEN_DIRECTORY "/calls-1.txt");
  journal::Fragment fragment = some_fragment();
  journal::Fragment* const fragments[] = {&fragment};
  golden.check("append_call", encode_append_call(header, fragments), [](const std::string& bytes) {
    auto call = decode_append_call(as_bytes(bytes));
    if (!call) return text_of(call.error());
    std::vector<journal::Fragment*> read;
    for (AppendRequest& request : call->requests) read.push_back(&request.fragment);
    return encode_append_call(call->header, read);
  });
  const ReadCall read{
      .header = header,
      .request = {
          .shard = shard, .from = RecordIndex{100}, .not_before = some_time, .records_max = 50, .bytes_max = 60}};
  golden.check("append_call_kept_back",
               encode_append_call(header, fragments, std::vector<model::Demand::Slots>{0x83}, {true}),
               [](const std::string& bytes) {
                 auto call = decode_append_call(as_bytes(bytes));
                 if (!call) return text_of(call.error());
                 AppendRequest& request = call->requests.front();
                 journal::Fragment* const read[] = {&request.fragment};
                 return encode_append_call(call->header, read, std::vector{request.kept_back}, {request.has_room});
               });
  const ReserveCall reserve{.header = header, .shard = shard, .record_bytes = {20, 300}, .kept_back = 0x83};
  golden.check("reserve_call", encode(reserve), [](const std::string& bytes) {
    const auto call = decode_reserve_call(as_bytes(bytes));
    return call ? encode(*call) : text_of(call.error());
  });
  golden.check("read_call", encode(read), [](const std::string& bytes) {
    const auto call = decode_read_call(as_bytes(bytes));
    return call ? encode(*call) : text_of(call.error());
  });
  const LocateCall locate{.header = header, .shard = shard, .from = StartFrom::timestamp, .time = some_time};
  golden.check("locate_call", encode(locate), [](const std::string& bytes) {
    const auto call = decode_locate_call(as_bytes(bytes));
    return call ? encode(*call) : text_of(call.error());
  });
  const ShardCall close{.header = header, .shard = shard, .order = {.term = 3, .number = 4}};
  golden.check("shard_call", encode(close), [](const std::string& bytes) {
    const auto call = decode_shard_call(as_bytes(bytes));
    return call ? encode(*call) : text_of(call.error());
  });
  golden.check_all_seen();
}

void check_reserve_answer(test::GoldenFile& golden) {
  const ReserveReply reserved{.refusal = Refusal::throttled,
                              .accepted = 3,
                              .reason = "over",
                              .throttle = {.wait = milliseconds(20),
                                           .bytes_left = 5,
                                           .later = {{.until = milliseconds(30), .bytes = 7, .any_first = true}}}};
  golden.check("reserve_answer", encode_reserve_answer(reserved), [](const std::string& bytes) {
    const auto answer = decode_reserve_answer(bytes);
    if (!answer) return text_of(answer.error());
    return answer->has_value() ? encode_reserve_answer(**answer) : encode_refusal(answer->error());
  });
}

TEST(Golden, AnswersOfTheCellAreRead) {
  test::GoldenFile golden(WEIR_GOLDEN_DIRECTORY "/answers-1.txt");
  const LaneRefusal refusal{
      .refusal = Refusal::not_mine,
      .reason = "another has it",
      .owner = directory::LaneOwner{.node = "node-7", .address = "10.0.0.7", .port = 4570, .epoch = Epoch{9}},
      .map_version = 17};
  const auto of_append = [](const std::string& bytes) {
    const auto answer = decode_append_answer(bytes);
    if (!answer) return text_of(answer.error());
    return answer->has_value() ? encode_append_answer(**answer) : encode_refusal(answer->error());
  };
  golden.check("refusal", encode_refusal(refusal), of_append);
  const std::vector<AppendReply> replies{
      {.refusal = Refusal::none, .first_index = RecordIndex{100}, .accepted = 2, .arrival = some_time, .reason = {}},
      {.refusal = Refusal::throttled,
       .first_index = {},
       .accepted = 0,
       .arrival = {},
       .reason = "over the shard's rate"}};
  golden.check("append_answer", encode_append_answer(replies), of_append);
  check_reserve_answer(golden);
  const journal::Fragment fragment = some_fragment();
  ReadReply read{.refusal = Refusal::none, .result = {}, .behind_ms = 5, .shard_ended = true, .reason = {}};
  read.result.slices.push_back({.buffer = nullptr, .fragment = fragment.view(), .skip = 0, .count = 2});
  read.result.next = RecordIndex{102};
  read.result.reached_end = true;
  golden.check("read_answer", encode_read_answer(read).whole(), [](const std::string& bytes) {
    const auto answer = decode_read_answer(bytes);
    if (!answer) return text_of(answer.error());
    return answer->has_value() ? encode_read_answer(**answer).whole() : encode_refusal(answer->error());
  });
  LocateReply located;
  located.position = RecordIndex{100};
  golden.check("locate_answer", encode_locate_answer(located), [](const std::string& bytes) {
    const auto answer = decode_locate_answer(bytes);
    if (!answer) return text_of(answer.error());
    return answer->has_value() ? encode_locate_answer(**answer) : encode_refusal(answer->error());
  });
  const auto of_close = [](const std::string& bytes) {
    const auto answer = decode_close_shard_answer(bytes);
    if (!answer) return text_of(answer.error());
    return answer->has_value() ? encode_close_shard_answer(**answer) : encode_refusal(answer->error());
  };
  golden.check("close_shard_answer",
               encode_close_shard_answer(directory::ShardClosing{.time = some_time, .epoch = Epoch{9}}), of_close);
  golden.check("close_shard_failed", encode_close_shard_answer(fail(ErrorCode::not_found, "no such shard")), of_close);
  golden.check("reopen_shard_answer", encode_reopen_shard_answer(), [](const std::string& bytes) {
    const auto answer = decode_reopen_shard_answer(bytes);
    return answer ? encode_reopen_shard_answer() : text_of(answer.error());
  });
  golden.check_all_seen();
}

}  // namespace
}  // namespace weir::cell
