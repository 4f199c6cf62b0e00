#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void assertion_failed(const char* condition, const char* file, int line, const char* note) noexcept {
  const bool has_note = note != nullptr && note[0] != '\0';
  std::fprintf(stderr, "weir: assertion failed: %s at %s:%d%s%s\n", condition, file, line, has_note ? ": " : "",
               has_note ? note : "");
  std::abort();
}

}  // namespace weir
