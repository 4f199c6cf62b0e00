// RadosCluster: this process's connection to a Ceph cluster, and in it one namespace of one pool.
//
// librados brings its own threads, clock and sockets; this is the one place where they come in. Operations are handed
// to it without blocking, and its threads only post the answers back to the core that asked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "env/core.h"
#include "env/task.h"
#include "journal/rados/object_pool.h"

namespace weir::journal {

// Threads that librados starts for one cluster, whatever is done with it.
inline constexpr std::uint32_t rados_threads = 13;

struct RadosClusterOptions {
  std::string configuration_file;  // ceph.conf; empty: none is read
  std::string monitors;            // as Ceph's mon_host; empty: as the file says
  std::string user = "admin";      // of client.admin
  std::string keyring_file;        // empty: as the file says
  bool authenticates = true;       // false: the cluster runs without authentication
  std::string pool;                // must exist
  std::string name_space;          // within the pool; empty: the default one
  Duration connect_timeout = seconds(10);
  // After this an operation is answered `unknown`. Rounded up to whole seconds. It should be longer than the cluster
  // takes to find out that one of its members is gone.
  Duration operation_timeout = seconds(10);
};

// Any core may call, also several at once. Destroyed when no call is in flight, outside of the cores or by close().
class RadosCluster : public ObjectPool {
 public:
  // Errors: not_found (the pool), timeout (no monitor answers), invalid_argument (an option that Ceph refuses),
  // limit_exceeded (the system does not give librados its threads), io.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<RadosCluster>>> connect(env::Core& core,
                                                                                RadosClusterOptions options);
  // Disconnects. No call may be in flight or follow. Destroying without it blocks the thread for a moment.
  [[nodiscard]] virtual env::Task<void> close(env::Core& core) = 0;
};

}  // namespace weir::journal
