// EtcdWatch: one streaming watch on everything under a prefix, published to a WatchHub in order, each change once,
// whatever happens to connections and members.
//
// Threading: one core.
#pragma once

#include <string>
#include <vector>

#include "base/unique_function.h"
#include "env/event.h"
#include "env/task_group.h"
#include "metastore/etcd_client.h"
#include "metastore/etcd_messages.h"
#include "metastore/watch_hub.h"
#include "net/http_stream.h"

namespace weir::metastore {

class EtcdWatch {
 public:
  // Gives the cluster's newest revision, as a majority knows it.
  using NewestRevision = UniqueFunction<env::Task<Result<Revision>>()>;

  // All arguments outlive the watch.
  EtcdWatch(env::Core& core, EtcdClient& client, WatchHub& hub, const EtcdOptions& options);

  // Follows what changes after `known`, which the hub knows. Once.
  void start(Revision known, NewestRevision newest);
  [[nodiscard]] env::Task<void> close();

 private:
  [[nodiscard]] env::Task<void> run();
  [[nodiscard]] env::Task<Result<void>> follow(std::size_t endpoint);
  [[nodiscard]] env::Task<Result<void>> open(net::HttpStream& stream);
  [[nodiscard]] env::Task<Result<void>> read_messages(net::HttpStream& stream);
  [[nodiscard]] env::Task<Result<void>> check_silence();
  [[nodiscard]] Result<bool> take_lines();
  [[nodiscard]] Result<void> take(EtcdWatchMessage message);
  [[nodiscard]] Result<void> add_change(Change change);
  void publish(bool also_last_revision);
  [[nodiscard]] env::Task<void> skip_lost_history();
  void report(std::size_t endpoint, const Error& error);

  env::Core& core_;
  EtcdClient& client_;
  WatchHub& hub_;
  const EtcdOptions& options_;
  NewestRevision newest_;
  Revision known_ = 0;           // every change up to this one is in the hub
  std::string received_;         // of the stream, up to the next end of line
  std::vector<Change> pending_;  // received, but their revision may go on in the next message
  std::size_t pending_bytes_ = 0;
  MonotonicTime next_check_{};
  Revision awaited_ = 0;    // the stream must show up to here soon; 0: nothing in particular
  bool created_ = false;    // this stream has been accepted
  bool must_skip_ = false;  // what comes next cannot be had: those who watch must read again
  bool failing_ = false;    // and the log says so
  net::HttpStream* stream_ = nullptr;
  env::Event stop_;
  env::TaskGroup tasks_;
  bool closed_ = false;
};

}  // namespace weir::metastore
