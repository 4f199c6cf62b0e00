// UTF-8 validation at several gigabytes a second. Any thread.
#pragma once

#include <string_view>

namespace weir::kinesis {

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace weir::kinesis
