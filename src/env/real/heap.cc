#include "env/real/heap.h"

#include <cstddef>

#include "env/process.h"

extern "C" {

// jemalloc's; absent where the binary is not linked with it.
[[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_bytes, void* new_value,
                          std::size_t new_bytes);

// Read by jemalloc when the process starts. By default whatever is freed goes back to the system at once when, together
// with what is free beside it, it has 8 MiB: a request of a megabyte or an answer of ten then costs more time in page
// faults than in all that is done with it. Without that threshold it goes back by and by, over ten seconds.
extern const char* malloc_conf;
const char* malloc_conf = "oversize_threshold:0";
}

namespace weir::env {
namespace real {

// The arena that jemalloc begins with is made before malloc_conf is heard, and keeps the threshold.
void use_own_heap_arena() noexcept {
  if (mallctl == nullptr) return;
  unsigned arena = 0;
  std::size_t bytes = sizeof(arena);
  if (mallctl("arenas.create", &arena, &bytes, nullptr, 0) != 0) return;
  mallctl("thread.arena", nullptr, nullptr, &arena, bytes);
}

}  // namespace real

void give_back_freed_memory() noexcept {
  // Of all arenas (MALLCTL_ARENAS_ALL). jemalloc itself looks only when something is allocated or freed.
  if (mallctl != nullptr) mallctl("arena.4096.decay", nullptr, nullptr, nullptr, 0);
}

}  // namespace weir::env
