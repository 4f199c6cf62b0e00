#include "cli/roles/fleet_settings.h"

#include <charconv>

namespace weir::cli {
namespace {

Result<env::Endpoint> parse_endpoint(std::string_view setting, std::string_view text) {
  const auto malformed = [&] {
    return fail(ErrorCode::invalid_argument,
                std::string(setting) + ": \"" + std::string(text) + "\" is not a numeric address and a port");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return malformed();
  std::string_view address = text.substr(0, colon);
  if (address.front() == '[' && address.back() == ']') address = address.substr(1, address.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size() || port == 0 || address.empty()) return malformed();
  return env::Endpoint{.address = std::string(address), .port = port};
}

}  // namespace

Result<void> check_lane_capacity(std::uint64_t capacity_bytes, std::uint64_t reserve_bytes,
                                 std::uint64_t segment_bytes) {
  const std::uint64_t need = reserve_bytes + 2 * segment_bytes;
  if (capacity_bytes == 0 || capacity_bytes >= need) return {};
  return fail(ErrorCode::invalid_argument, "rados.lane_capacity_bytes is " + std::to_string(capacity_bytes) +
                                               ", and a lane needs " + std::to_string(need) +
                                               ": journal.space_reserve_bytes and two of journal.segment_bytes");
}

Result<std::vector<env::Endpoint>> parse_endpoints(std::string_view setting, std::string_view text) {
  std::vector<env::Endpoint> endpoints;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    WEIR_TRY(env::Endpoint endpoint, parse_endpoint(setting, text.substr(0, comma)));
    endpoints.push_back(std::move(endpoint));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (endpoints.empty()) return fail(ErrorCode::invalid_argument, std::string(setting) + " names nobody");
  return endpoints;
}

}  // namespace weir::cli
