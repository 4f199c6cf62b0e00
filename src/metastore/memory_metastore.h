// A metastore in memory, for simulations: the same contract, with failures on demand. What it holds outlives it, as a
// disk outlives a process, so that a test can crash and open it again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "metastore/metastore.h"

namespace weir::metastore {

struct MemoryMetastoreContent {
  std::map<std::string, KeyValue> entries;
  Revision revision = 0;
};

enum class MetastoreCall : std::uint8_t { read, commit };

// What is to happen to a call.
enum class MetastoreFault : std::uint8_t {
  none,
  refused,      // `no_space` for commits, `io` for reads; nothing changed
  lost_before,  // `unavailable`; nothing changed
  lost_after,   // `unavailable`; but the commit happened
};

struct MemoryMetastoreOptions {
  Duration latency{};                                  // of each call
  std::function<MetastoreFault(MetastoreCall)> fault;  // asked before each call; empty: none
};

// `content` is shared with whoever opens it next.
[[nodiscard]] std::unique_ptr<Metastore> make_memory_metastore(env::Core& core,
                                                               std::shared_ptr<MemoryMetastoreContent> content,
                                                               MemoryMetastoreOptions options = {});

}  // namespace weir::metastore
