#include "env/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace weir::env {

bool Endpoint::is_loopback() const noexcept {
  std::array<unsigned char, 4> v4{};
  if (inet_pton(AF_INET, address.c_str(), v4.data()) == 1) return v4[0] == 127;
  std::array<unsigned char, 16> v6{};
  if (inet_pton(AF_INET6, address.c_str(), v6.data()) != 1) return false;
  // ::ffff:127.x.y.z is how a socket for both families names an IPv4 loopback peer.
  constexpr std::array<unsigned char, 13> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
  constexpr std::array<unsigned char, 16> loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return v6 == loopback || std::equal(mapped.begin(), mapped.end(), v6.begin());
}

std::string to_string(const Endpoint& endpoint) {
  const bool v6 = endpoint.address.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.address + "]" : endpoint.address) + ":" + std::to_string(endpoint.port);
}

}  // namespace weir::env
