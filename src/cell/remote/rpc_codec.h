// The bytes of the RPC between front ends and the nodes of a cell: protobuf messages (rpc.proto), with fragments in
// their stored form. Fragments carry a checksum, which is checked where they arrive.
//
// Any thread. Decoding takes whatever bytes come: errors are `corrupt`, also for values that no sound peer sends.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "cell/remote/rpc.h"
#include "journal/fragment.h"
#include "net/http.h"

namespace weir::cell {

// Stamps the fragments (Fragment::stamp) for the sake of the checksum; the lane stamps them again.
[[nodiscard]] std::string encode_append_call(const CallHeader& header, std::span<journal::Fragment* const> fragments,
                                             std::span<const model::Demand::Slots> kept_back = {},
                                             const std::vector<bool>& has_room = {});
[[nodiscard]] std::string encode(const ReserveCall& call);
[[nodiscard]] std::string encode(const ReadCall& call);
[[nodiscard]] std::string encode(const LocateCall& call);
[[nodiscard]] std::string encode(const ShardCall& call);

[[nodiscard]] Result<AppendCall> decode_append_call(BytesView body);    // at least one fragment
[[nodiscard]] Result<ReserveCall> decode_reserve_call(BytesView body);  // at least one record
[[nodiscard]] Result<ReadCall> decode_read_call(BytesView body);
[[nodiscard]] Result<LocateCall> decode_locate_call(BytesView body);
[[nodiscard]] Result<ShardCall> decode_shard_call(BytesView body);

// The refusal of a call of any kind.
[[nodiscard]] std::string encode_refusal(const LaneRefusal& refusal);
[[nodiscard]] std::string encode_append_answer(const std::vector<AppendReply>& replies);
[[nodiscard]] std::string encode_reserve_answer(const ReserveReply& reply);
// Of a fragment of which only some records were read only those are encoded. Many bytes are not copied: `rest` shares
// them with the slices.
struct ReadAnswerBody {
  std::string first;
  std::vector<net::SharedBytes> rest;
  [[nodiscard]] std::string whole() const;
};
[[nodiscard]] ReadAnswerBody encode_read_answer(const ReadReply& reply);
[[nodiscard]] std::string encode_locate_answer(const LocateReply& reply);
[[nodiscard]] std::string encode_close_shard_answer(const Result<directory::ShardClosing>& closed);
[[nodiscard]] std::string encode_reopen_shard_answer();

[[nodiscard]] Result<Answer<std::vector<AppendReply>>> decode_append_answer(std::string_view body);
[[nodiscard]] Result<Answer<ReserveReply>> decode_reserve_answer(std::string_view body);
// The slices are whole fragments, and share the body.
[[nodiscard]] Result<Answer<ReadReply>> decode_read_answer(std::string body);
[[nodiscard]] Result<Answer<LocateReply>> decode_locate_answer(std::string_view body);
[[nodiscard]] Result<Answer<Result<directory::ShardClosing>>> decode_close_shard_answer(std::string_view body);
[[nodiscard]] Result<Answer<void>> decode_reopen_shard_answer(std::string_view body);

}  // namespace weir::cell
