#include "kinesis/decode.h"

#include "kinesis/cbor_decoder.h"
#include "kinesis/json_decoder.h"

namespace weir::kinesis {

std::expected<void, ApiError> decode(Encoding encoding, MutableBytes body, const Structure& structure, void* object) {
  return encoding == Encoding::json ? detail::decode_json(body, structure, object)
                                    : detail::decode_cbor(body, structure, object);
}

bool is_well_formed(Encoding encoding, MutableBytes body) {
  return encoding == Encoding::json ? detail::is_json_map(body) : detail::is_cbor_map(body);
}

}  // namespace weir::kinesis
