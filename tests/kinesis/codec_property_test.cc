// Promises that hold for every value and every damage, in both encodings.
#include <functional>

#include "gtest/gtest.h"
#include "kinesis/encode.h"
#include "kinesis/shapes/add_tags_to_stream.h"
#include "kinesis/shapes/create_stream.h"
#include "kinesis/shapes/decrease_stream_retention_period.h"
#include "kinesis/shapes/delete_stream.h"
#include "kinesis/shapes/describe_limits.h"
#include "kinesis/shapes/describe_stream.h"
#include "kinesis/shapes/describe_stream_summary.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/get_shard_iterator.h"
#include "kinesis/shapes/increase_stream_retention_period.h"
#include "kinesis/shapes/list_shards.h"
#include "kinesis/shapes/list_streams.h"
#include "kinesis/shapes/list_tags_for_stream.h"
#include "kinesis/shapes/merge_shards.h"
#include "kinesis/shapes/put_record.h"
#include "kinesis/shapes/put_records.h"
#include "kinesis/shapes/remove_tags_from_stream.h"
#include "kinesis/shapes/split_shard.h"
#include "rapidcheck/gtest.h"
#include "tests/kinesis/body.h"

namespace weir::kinesis {
namespace {

// Any valid UTF-8 text, control characters included.
std::string any_text() {
  const auto codes = *rc::gen::container<std::vector<std::uint32_t>>(
      rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 0x80), rc::gen::inRange<std::uint32_t>(0x80, 0xD800),
                     rc::gen::inRange<std::uint32_t>(0xE000, 0x110000)));
  std::string out;
  for (const std::uint32_t code : codes) {
    if (code < 0x80) {
      out += static_cast<char>(code);
      continue;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    const std::uint32_t lead = more == 1 ? 0xC0 : more == 2 ? 0xE0 : 0xF0;
    out += static_cast<char>(lead | code >> (6 * more));
    for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | (code >> (6 * i) & 0x3F));
  }
  return out;
}

// Fills every member of a described object with arbitrary values. Owns what views point to.
class Filler {
 public:
  void fill(const Structure& structure, void* object) {
    for (const Member& member : structure.members) {
      if (*rc::gen::inRange(0, 4) > 0) fill(member.type, member.make(object));
    }
  }

 private:
  std::string_view keep(std::string text) {
    return *texts_.emplace_back(std::make_unique<std::string>(std::move(text)));
  }

  void fill(const Type& type, void* value) {
    switch (type.kind) {
      case Kind::text: *static_cast<std::string_view*>(value) = keep(any_text()); return;
      case Kind::owned_text: *static_cast<std::string*>(value) = any_text(); return;
      case Kind::blob: *static_cast<BytesView*>(value) = as_bytes(keep(*rc::gen::arbitrary<std::string>())); return;
      case Kind::boolean: *static_cast<bool*>(value) = *rc::gen::arbitrary<bool>(); return;
      case Kind::integer: *static_cast<std::int32_t*>(value) = *rc::gen::arbitrary<std::int32_t>(); return;
      case Kind::long_integer: *static_cast<std::int64_t*>(value) = *rc::gen::arbitrary<std::int64_t>(); return;
      case Kind::timestamp:
        *static_cast<WallTime*>(value) = wall_time_ms(*rc::gen::inRange<std::int64_t>(-4102444800000, 4102444800000));
        return;
      case Kind::choice: type.choice->set(value, keep(any_text())); return;
      case Kind::list:
        for (int i = *rc::gen::inRange(0, 5); i > 0; --i) fill(type.list->item, type.list->append(value));
        return;
      case Kind::map:
        for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
          static_cast<TextMap*>(value)->push_back({keep(std::to_string(i) + any_text()), keep(any_text())});
        }
        return;
      case Kind::structure: fill(*type.structure, value);
    }
  }
  std::vector<std::unique_ptr<std::string>> texts_;
};

// Every encoding of `object` decodes to an equal one. Equality is that of the encoded forms.
template <class T>
void check_round_trip() {
  Filler filler;
  T object;
  filler.fill(structure_of<T>, &object);
  const std::string json = encode(Encoding::json, object);
  const std::string cbor = encode(Encoding::cbor, object);
  for (const Encoding encoding : {Encoding::json, Encoding::cbor}) {
    Body body(encoding == Encoding::json ? json : cbor);
    T decoded;
    RC_ASSERT(decode(encoding, body.bytes(), structure_of<T>, &decoded).has_value());
    RC_ASSERT(encode(Encoding::json, decoded) == json);
    RC_ASSERT(encode(Encoding::cbor, decoded) == cbor);
  }
}

#define WEIR_ROUND_TRIP(type) \
  RC_GTEST_PROP(BothEncodings, GiveEqualStructsFor##type, ()) { check_round_trip<type>(); }
WEIR_ROUND_TRIP(AddTagsToStreamInput)
WEIR_ROUND_TRIP(CreateStreamInput)
WEIR_ROUND_TRIP(DecreaseStreamRetentionPeriodInput)
WEIR_ROUND_TRIP(DeleteStreamInput)
WEIR_ROUND_TRIP(DescribeLimitsOutput)
WEIR_ROUND_TRIP(DescribeStreamInput)
WEIR_ROUND_TRIP(DescribeStreamOutput)
WEIR_ROUND_TRIP(DescribeStreamSummaryInput)
WEIR_ROUND_TRIP(DescribeStreamSummaryOutput)
WEIR_ROUND_TRIP(GetRecordsInput)
WEIR_ROUND_TRIP(GetRecordsOutput)
WEIR_ROUND_TRIP(GetShardIteratorInput)
WEIR_ROUND_TRIP(GetShardIteratorOutput)
WEIR_ROUND_TRIP(IncreaseStreamRetentionPeriodInput)
WEIR_ROUND_TRIP(ListShardsInput)
WEIR_ROUND_TRIP(ListShardsOutput)
WEIR_ROUND_TRIP(ListStreamsInput)
WEIR_ROUND_TRIP(ListStreamsOutput)
WEIR_ROUND_TRIP(ListTagsForStreamInput)
WEIR_ROUND_TRIP(ListTagsForStreamOutput)
WEIR_ROUND_TRIP(MergeShardsInput)
WEIR_ROUND_TRIP(PutRecordInput)
WEIR_ROUND_TRIP(PutRecordOutput)
WEIR_ROUND_TRIP(PutRecordsInput)
WEIR_ROUND_TRIP(PutRecordsOutput)
WEIR_ROUND_TRIP(RemoveTagsFromStreamInput)
WEIR_ROUND_TRIP(SplitShardInput)
#undef WEIR_ROUND_TRIP

std::string sample(Encoding encoding) {
  PutRecordsInput input;
  input.stream_name = "a stream";
  input.stream_arn = "arn";
  input.dry_run = false;
  input.records.emplace();
  for (int i = 0; i < 3; ++i) {
    input.records->push_back(
        {.partition_key = "k\n\xC3\xBC", .explicit_hash_key = "12", .data = as_bytes("0123456789abcdefghij")});
  }
  return encode(encoding, input);
}

// Decodes a damaged body; whatever comes out must not touch memory it should not, and must encode again.
void survive(Encoding encoding, std::string_view bytes) {
  Body body(bytes);
  PutRecordsInput input;
  if (decode(encoding, body.bytes(), structure_of<PutRecordsInput>, &input).has_value()) {
    (void)validate(structure_of<PutRecordsInput>, &input);
    EXPECT_FALSE(encode(encoding, input).empty());
  }
  Body again(bytes);
  (void)is_well_formed(encoding, again.bytes());
}

class Damage : public testing::TestWithParam<Encoding> {};
INSTANTIATE_TEST_SUITE_P(BothEncodings, Damage, testing::Values(Encoding::json, Encoding::cbor));

TEST_P(Damage, EveryByteChangedToEveryValueNeverCrashes) {
  const std::string whole = sample(GetParam());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    for (int byte = 0; byte < 256; ++byte) {
      damaged[at] = static_cast<char>(byte);
      survive(GetParam(), damaged);
    }
  }
}

TEST_P(Damage, EveryProperPrefixIsMalformed) {
  const std::string whole = sample(GetParam());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    survive(GetParam(), std::string_view(whole).substr(0, size));
    Body body(std::string_view(whole).substr(0, size));
    EXPECT_FALSE(is_well_formed(GetParam(), body.bytes())) << size;
  }
}

TEST_P(Damage, EveryByteDroppedOrDoubledNeverCrashes) {
  const std::string whole = sample(GetParam());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    survive(GetParam(), whole.substr(0, at) + whole.substr(at + 1));
    survive(GetParam(), whole.substr(0, at + 1) + whole.substr(at));
  }
}

// Lists and maps of inputs must have a limit: it bounds what a decoder stores.
TEST(Shapes, EveryListAndMapOfAnInputHasALimit) {
  std::function<void(const Structure&)> check = [&](const Structure& structure) {
    for (const Member& member : structure.members) {
      if (member.type.kind == Kind::list || member.type.kind == Kind::map) {
        EXPECT_NE(member.constraints.length.most, unlimited_length) << structure.name << '.' << member.name;
      }
      if (member.type.kind == Kind::structure) check(*member.type.structure);
      if (member.type.kind == Kind::list && member.type.list->item.kind == Kind::structure) {
        check(*member.type.list->item.structure);
      }
    }
  };
  for (const Structure* structure :
       {&structure_of<AddTagsToStreamInput>, &structure_of<CreateStreamInput>,
        &structure_of<DecreaseStreamRetentionPeriodInput>, &structure_of<DeleteStreamInput>,
        &structure_of<DescribeLimitsInput>, &structure_of<DescribeStreamInput>,
        &structure_of<DescribeStreamSummaryInput>, &structure_of<GetRecordsInput>, &structure_of<GetShardIteratorInput>,
        &structure_of<IncreaseStreamRetentionPeriodInput>, &structure_of<ListShardsInput>,
        &structure_of<ListStreamsInput>, &structure_of<ListTagsForStreamInput>, &structure_of<MergeShardsInput>,
        &structure_of<PutRecordInput>, &structure_of<PutRecordsInput>, &structure_of<RemoveTagsFromStreamInput>,
        &structure_of<SplitShardInput>}) {
    check(*structure);
  }
}

}  // namespace
}  // namespace weir::kinesis
