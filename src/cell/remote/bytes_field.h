// Protobuf messages with many bytes in one field, without the copy that protobuf makes of such a field.
//
// Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::cell {

// A message in two: its field `number`, which is bytes and not copied, and the message without it. Errors: corrupt,
// when it is not a message at all.
struct WithoutBytes {
  std::string rest;
  BytesView bytes;
};
[[nodiscard]] Result<WithoutBytes> split_off(std::string_view message, int number);

// Begins such a field behind a message: `bytes` bytes are to follow, for `room` of which room is made.
void begin_bytes(std::string& message, int number, std::size_t bytes, std::size_t room);

}  // namespace weir::cell
