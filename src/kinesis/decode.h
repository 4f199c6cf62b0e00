// Decoding of a request body into a described struct.
//
// Bodies are decoded in place: text views and blobs of the result point into the body, whose bytes are overwritten on
// the way (escapes, Base64). Nothing is allocated but the vectors of lists and maps, and these never hold more entries
// than the shape's limit plus one (further ones are still checked, then dropped). Nesting is bounded.
#pragma once

#include <expected>

#include "base/bytes.h"
#include "kinesis/encoding.h"
#include "kinesis/errors.h"
#include "kinesis/shape.h"
#include "kinesis/validate.h"

namespace weir::kinesis {

// Bytes that must be readable behind a body.
inline constexpr std::size_t body_padding_bytes = 64;
// Deepest nesting of maps and lists that is accepted.
inline constexpr int nesting_max = 64;

// Fills `object`, which `structure` describes and which is in its initial state. Errors: SerializationException,
// without a message when the body is malformed or not a map, with one for the first member of the wrong type. Any
// thread; JSON uses a parser kept per thread.
[[nodiscard]] std::expected<void, ApiError> decode(Encoding encoding, MutableBytes body, const Structure& structure,
                                                   void* object);

// Whether the body is one whole map of the encoding, whatever its members. May overwrite bytes within texts of the
// body.
[[nodiscard]] bool is_well_formed(Encoding encoding, MutableBytes body);

// Decodes and validates. The result is valid as long as the body's memory.
template <class T>
[[nodiscard]] std::expected<T, ApiError> decode_request(Encoding encoding, MutableBytes body) {
  std::expected<T, ApiError> input;
  if (auto decoded = decode(encoding, body, structure_of<T>, &*input); !decoded) {
    return std::unexpected(std::move(decoded.error()));
  }
  if (auto valid = validate(structure_of<T>, &*input); !valid) return std::unexpected(std::move(valid.error()));
  return input;
}

}  // namespace weir::kinesis
