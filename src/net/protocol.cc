#include "net/protocol.h"

#include <charconv>

namespace weir::net {

std::string protocol_range_text(const ProtocolRange& range) {
  return std::to_string(range.oldest) + "-" + std::to_string(range.newest);
}

std::optional<ProtocolRange> parse_protocol_range(std::string_view text) {
  ProtocolRange range;
  const char* const end = text.data() + text.size();
  const auto oldest = std::from_chars(text.data(), text.data() + text.size(), range.oldest);
  if (oldest.ec != std::errc{} || oldest.ptr == end || *oldest.ptr != '-') return std::nullopt;
  const auto newest = std::from_chars(oldest.ptr + 1, end, range.newest);
  if (newest.ec != std::errc{} || newest.ptr != end || range.oldest == 0 || range.newest < range.oldest) {
    return std::nullopt;
  }
  return range;
}

}  // namespace weir::net
