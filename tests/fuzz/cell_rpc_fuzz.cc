// Whatever bytes come to a node of a cell, or to a front end from one, must neither crash it nor come out as something
// that was not in them.
//
// The first byte of an input says how the rest is taken: as a message of each kind, or as the fragments of an append or
// of a read, with or without their checksums made right (so that what lies behind them is reached).
#include <cstdint>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/crc32c.h"
#include "cell/remote/rpc_codec.h"

namespace weir::cell {
namespace {

std::uint64_t count_records(const journal::FragmentView& fragment) {
  std::uint64_t records = 0;
  std::uint64_t payload = 0;
  fragment.for_each([&](const journal::RecordView& record) {
    ++records;
    payload += record.partition_key.size() + record.data.size();
    return true;
  });
  WEIR_ASSERT(payload == fragment.payload_bytes());
  return records;
}

// What a lane does with a fragment.
void use(journal::Fragment fragment) {
  if (fragment.record_count() > 1) fragment.keep_first(fragment.record_count() / 2);
  fragment.stamp({1}, wall_time_ms(1));
  WEIR_ASSERT(count_records(fragment.view()) == fragment.record_count());
  const auto parsed = journal::FragmentView::parse(fragment.bytes());
  WEIR_ASSERT(parsed.has_value() && parsed->payload_bytes() == fragment.payload_bytes());
}

void decode_calls(std::string_view body) {
  if (auto call = decode_append_call(as_bytes(body))) {
    WEIR_ASSERT(!call->requests.empty());
    for (AppendRequest& request : call->requests) use(std::move(request.fragment));
  }
  if (const auto call = decode_reserve_call(as_bytes(body))) {
    const std::string again = encode(*call);
    WEIR_ASSERT(decode_reserve_call(as_bytes(again))->record_bytes == call->record_bytes);
  }
  if (const auto call = decode_read_call(as_bytes(body))) {
    const std::string again = encode(*call);
    WEIR_ASSERT(decode_read_call(as_bytes(again)).has_value());
  }
  if (const auto call = decode_locate_call(as_bytes(body))) {
    const std::string again = encode(*call);
    WEIR_ASSERT(decode_locate_call(as_bytes(again))->from == call->from);
  }
  if (const auto call = decode_shard_call(as_bytes(body))) {
    const std::string again = encode(*call);
    WEIR_ASSERT(decode_shard_call(as_bytes(again))->shard == call->shard);
  }
}

void decode_answers(std::string_view body) {
  static_cast<void>(decode_append_answer(body));
  static_cast<void>(decode_reserve_answer(body));
  static_cast<void>(decode_locate_answer(body));
  static_cast<void>(decode_close_shard_answer(body));
  if (const auto answer = decode_reopen_shard_answer(body); answer.has_value() && !answer->has_value()) {
    const auto again = decode_append_answer(encode_refusal(answer->error()));
    WEIR_ASSERT(again.has_value() && again->error().owner == answer->error().owner);
  }
  const auto answer = decode_read_answer(std::string(body));
  if (!answer.has_value() || !answer->has_value()) return;
  std::uint64_t records = 0;
  for (const auto& slice : (*answer)->result.slices) records += count_records(slice.fragment);
  WEIR_ASSERT(records == (*answer)->result.record_count);
  const auto again = decode_read_answer(encode_read_answer(**answer).whole());
  WEIR_ASSERT(again.has_value() && (*again)->result.payload_bytes == (*answer)->result.payload_bytes);
}

// Makes the checksums of fragments right whose length can be told.
void repair_checksums(std::string& bytes) {
  MutableBytes rest = std::as_writable_bytes(std::span(bytes));
  while (rest.size() >= 64) {
    const auto length = load_le<std::uint32_t>(rest.data() + 8);
    if (length < 64 || length > rest.size()) return;
    store_le(rest.data(), crc32c(BytesView(rest).subspan(4, length - 4)));
    rest = rest.subspan(length);
  }
}

// The bytes as a field of a message.
std::string as_field(std::uint32_t number, std::string_view bytes) {
  std::string message(1, static_cast<char>(number << 3 | 2));
  for (std::size_t length = bytes.size();; length >>= 7) {
    message.push_back(static_cast<char>((length & 0x7f) | (length > 0x7f ? 0x80 : 0)));
    if (length <= 0x7f) break;
  }
  return message.append(bytes);
}

}  // namespace
}  // namespace weir::cell

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::cell;
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) != 0) repair_checksums(bytes);
  if ((data[0] & 2) != 0) {
    decode_calls(as_field(2, bytes));
    decode_answers(as_field(4, bytes));
  } else {
    decode_calls(bytes);
    decode_answers(bytes);
  }
  return 0;
}
