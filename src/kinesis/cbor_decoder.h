// Reads CBOR, as the AWS SDKs write it (API reference §1.5), for decode_members.h. Private to kinesis.
#pragma once

#include "base/bytes.h"
#include "kinesis/decode_members.h"

namespace weir::kinesis::detail {

[[nodiscard]] std::expected<void, ApiError> decode_cbor(MutableBytes body, const Structure& structure, void* object);
[[nodiscard]] bool is_cbor_map(MutableBytes body);

// IEEE 754 half precision.
[[nodiscard]] double double_from_half(std::uint16_t half);

}  // namespace weir::kinesis::detail
