// Assertions stay on in every build: a broken invariant must stop the process before it can corrupt what is stored.
#pragma once

namespace weir {

// Prints the failed condition and its place, then aborts. Never returns.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line, const char* note) noexcept;

}  // namespace weir

#define WEIR_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::weir::assertion_failed(#condition, __FILE_NAME__, __LINE__, ""))
#define WEIR_ASSERT_NOTE(condition, note) \
  ((condition) ? static_cast<void>(0) : ::weir::assertion_failed(#condition, __FILE_NAME__, __LINE__, note))
