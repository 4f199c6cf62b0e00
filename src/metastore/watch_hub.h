// WatchHub: the recent changes of a metastore, and those who wait for more. Shared by the implementations that see
// every change because they make it.
//
// Bounded: the oldest changes are forgotten beyond history_changes_max or history_bytes_max, and a watcher that is
// further behind is told to read again.
// Threading: one core.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "env/event.h"
#include "metastore/metastore.h"

namespace weir::metastore {

inline constexpr std::size_t history_changes_max = 4096;
inline constexpr std::size_t history_bytes_max = 8U << 20;

class WatchHub {
 public:
  explicit WatchHub(env::Core& core) noexcept : changed_(core), left_(core) {}

  // The store is at `revision` and what led there is unknown: watchers that are behind it must read again.
  void restart(Revision revision);
  // A transaction has happened. Revisions rise.
  void publish(std::vector<Change> changes);
  // As Metastore::watch.
  [[nodiscard]] env::Task<Result<std::vector<Change>>> wait(std::string prefix, Revision after);
  // Ends every wait with `closed` and returns when none is left.
  [[nodiscard]] env::Task<void> close();

 private:
  std::deque<Change> history_;  // every change after known_after_, in order
  std::size_t history_bytes_ = 0;
  Revision known_after_ = 0;
  Revision latest_ = 0;
  env::Event changed_;
  env::Event left_;
  std::size_t waiting_ = 0;
  bool closed_ = false;
};

}  // namespace weir::metastore
