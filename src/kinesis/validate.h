// Validation of a decoded input against its shape's constraints (API reference §1.10). Any thread.
#pragma once

#include <expected>

#include "kinesis/errors.h"
#include "kinesis/shape.h"

namespace weir::kinesis {

// Violations are collected in the order of the shape, at most this many.
inline constexpr std::size_t validation_errors_max = 10;
// A value is printed in a message up to about this many bytes.
inline constexpr std::size_t printed_value_bytes_max = 65536;

// Errors: ValidationException with all violations in one message.
[[nodiscard]] std::expected<void, ApiError> validate(const Structure& structure, const void* object);

}  // namespace weir::kinesis
