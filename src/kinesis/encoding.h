// The two encodings of the protocol.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::kinesis {

enum class Encoding : std::uint8_t { json, cbor };

[[nodiscard]] constexpr std::string_view content_type(Encoding encoding) noexcept {
  return encoding == Encoding::json ? "application/x-amz-json-1.1" : "application/x-amz-cbor-1.1";
}

}  // namespace weir::kinesis
