// Where the methods of a directory are served: POST to these paths, protobuf messages (map.proto) as bodies.
#pragma once

#include <string_view>

namespace weir::directory {

inline constexpr std::string_view follow_path = "/weir/1/follow";
inline constexpr std::string_view command_path = "/weir/1/command";
inline constexpr std::string_view rates_path = "/weir/1/rates";  // rates.proto

}  // namespace weir::directory
