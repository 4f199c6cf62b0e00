// What the JSON and CBOR fuzz targets share: every input shape is decoded, validated and encoded again.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "kinesis/decode.h"
#include "kinesis/encode.h"
#include "kinesis/shapes/add_tags_to_stream.h"
#include "kinesis/shapes/create_stream.h"
#include "kinesis/shapes/describe_stream.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/get_shard_iterator.h"
#include "kinesis/shapes/list_shards.h"
#include "kinesis/shapes/put_record.h"
#include "kinesis/shapes/put_records.h"
#include "kinesis/shapes/remove_tags_from_stream.h"

namespace weir::kinesis {

// A copy of the input with exactly the padding that a parser may read, so that the address sanitizer sees any more.
class FuzzBody {
 public:
  FuzzBody(const std::uint8_t* data, std::size_t size)
      : memory_(size + body_padding_bytes, std::byte{'}'}), size_(size) {
    for (std::size_t i = 0; i < size; ++i) memory_[i] = static_cast<std::byte>(data[i]);
  }
  [[nodiscard]] MutableBytes bytes() { return MutableBytes(memory_).first(size_); }

 private:
  std::vector<std::byte> memory_;
  std::size_t size_;
};

inline void require(bool promise) {
  if (!promise) std::abort();
}

// What decodes must be well-formed, and must decode to the same again after encoding, in either encoding.
template <class T>
void decode_and_encode(Encoding encoding, const std::uint8_t* data, std::size_t size) {
  FuzzBody body(data, size);
  T first;
  const auto decoded = decode(encoding, body.bytes(), structure_of<T>, &first);
  FuzzBody whole(data, size);
  const bool malformed = !decoded.has_value() && decoded.error().message.empty();
  require(is_well_formed(encoding, whole.bytes()) != malformed);
  if (!decoded.has_value()) return;
  (void)validate(structure_of<T>, &first);
  const std::string json = encode(Encoding::json, first);
  for (const Encoding other : {Encoding::json, Encoding::cbor}) {
    const std::string encoded = encode(other, first);
    FuzzBody again(reinterpret_cast<const std::uint8_t*>(encoded.data()), encoded.size());
    T second;
    require(decode(other, again.bytes(), structure_of<T>, &second).has_value());
    require(encode(Encoding::json, second) == json);
  }
}

// The first byte chooses the shape.
inline void fuzz_codec(Encoding encoding, const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  constexpr std::size_t shapes = 9;
  const std::size_t shape = data[0] % shapes;
  ++data;
  --size;
  switch (shape) {
    case 0: return decode_and_encode<PutRecordInput>(encoding, data, size);
    case 1: return decode_and_encode<PutRecordsInput>(encoding, data, size);
    case 2: return decode_and_encode<GetRecordsOutput>(encoding, data, size);
    case 3: return decode_and_encode<GetShardIteratorInput>(encoding, data, size);
    case 4: return decode_and_encode<AddTagsToStreamInput>(encoding, data, size);
    case 5: return decode_and_encode<RemoveTagsFromStreamInput>(encoding, data, size);
    case 6: return decode_and_encode<ListShardsInput>(encoding, data, size);
    case 7: return decode_and_encode<CreateStreamInput>(encoding, data, size);
    default: return decode_and_encode<DescribeStreamOutput>(encoding, data, size);
  }
}

}  // namespace weir::kinesis
