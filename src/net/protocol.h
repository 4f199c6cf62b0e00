// The version of what the processes of a fleet say to each other.
//
// It rises with a change that a process of the version before would get wrong; new fields, which are ignored where they
// are not known, are no such change. A process speaks its own version and all since protocol_version_oldest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::net {

inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::uint32_t protocol_version_oldest = 1;

struct ProtocolRange {
  std::uint32_t oldest = 1;
  std::uint32_t newest = 1;
  friend bool operator==(const ProtocolRange&, const ProtocolRange&) = default;
};
inline constexpr ProtocolRange own_protocols{.oldest = protocol_version_oldest, .newest = protocol_version};

// Every request between processes says which versions its sender speaks: "oldest-newest". One without is of version 1,
// which was the only one when requests did not say.
inline constexpr std::string_view protocol_header = "weir-protocol";
[[nodiscard]] std::string protocol_range_text(const ProtocolRange& range);
// Empty when the text is no range.
[[nodiscard]] std::optional<ProtocolRange> parse_protocol_range(std::string_view text);
// Whether two processes can understand each other.
[[nodiscard]] constexpr bool overlap(const ProtocolRange& a, const ProtocolRange& b) noexcept {
  return a.oldest <= b.newest && b.oldest <= a.newest;
}

}  // namespace weir::net
