// The heap of a real process: jemalloc's, where the binary is linked with it (docs/decisions/0015). Builds with
// sanitizers are not; there these functions do nothing.
#pragma once

namespace weir::env::real {

// What this thread allocates from now on comes from an arena of its own. Once on each core's thread.
void use_own_heap_arena() noexcept;

}  // namespace weir::env::real
