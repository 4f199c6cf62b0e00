// Encoding of any described structure. The two answers that carry many records have their own writers, in
// record_writers.h.
#pragma once

#include <string>

#include "kinesis/encoding.h"
#include "kinesis/shape.h"

namespace weir::kinesis {

// The body for `object`, which `structure` describes: absent members are left out. Any thread.
[[nodiscard]] std::string encode(Encoding encoding, const Structure& structure, const void* object);

template <class T>
[[nodiscard]] std::string encode(Encoding encoding, const T& object) {
  return encode(encoding, structure_of<T>, &object);
}

// Writes `object` as one value where `writer` (a JsonWriter or CborWriter) stands.
template <class Writer>
void write_structure(Writer& writer, const Structure& structure, const void* object);

}  // namespace weir::kinesis
