// LeaderElection: one of the directories leads. The leader keeps a key of the metadata store alive; whoever sees it
// unchanged for long enough, by his own clock, takes it, by compare-and-swap.
//
//   fleet/leader    name, address, port and boot of the leader, its term, how often it renewed
//
// A leader leads from the moment at which it *sent* the renewal that succeeded last until step_down_after later, by its
// own clock, whatever its calls to the store are doing. A candidate counts take_after from when it *got* an answer that
// showed the key as it still is. So a leader has stepped down before another takes over, by take_after -
// step_down_after, as long as their clocks run equally fast within a quarter; whatever is wrong with the network, the
// store, or a process that was paused: one that wakes up late finds by its clock that it does not lead. What a leader
// had sent to the store before may still arrive there: class Directory makes that fail (become_writer()).
//
// When a leader dies another leads within take_after + 2 * interval + three calls of the store. A process that comes
// back under the name and the endpoint of the leader leads at once: it holds the data directory and the port of the one
// that led, which therefore is no more. It asks for that once, so that two processes that were given the same name by
// mistake do not take the lead from each other again and again. The load on the store is one call per candidate and
// interval.
//
// Threading: one core.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "env/core.h"
#include "env/event.h"
#include "env/network.h"
#include "env/task_group.h"
#include "metastore/metastore.h"

namespace weir::directory {

inline constexpr const char* leader_key = "fleet/leader";

struct LeaderElectionOptions {
  std::string name;        // unique among the candidates
  env::Endpoint endpoint;  // where this candidate answers as leader
  Duration interval = seconds(1);
  Duration step_down_after = seconds(3);
  Duration take_after = seconds(4);
};

struct LeaderView {
  std::string name;
  env::Endpoint endpoint;
  std::uint64_t term = 0;
};

class LeaderElection {
 public:
  // `store` is of the same core and outlives the election.
  LeaderElection(env::Core& core, metastore::Metastore& store, LeaderElectionOptions options);
  LeaderElection(const LeaderElection&) = delete;
  LeaderElection& operator=(const LeaderElection&) = delete;
  ~LeaderElection();  // after stop(), if start() was called

  void start();
  // Gives the lead away, if the store can be reached, so that another need not wait. Whoever acts as leader has stopped
  // doing so before.
  [[nodiscard]] env::Task<void> stop();

  // Whether this process leads, by its clock, now.
  [[nodiscard]] bool is_leader() const noexcept { return term_ != 0 && core_.now() < leads_until_; }
  // Rises with every leader, strictly. 0 when this process does not lead.
  [[nodiscard]] std::uint64_t term() const noexcept { return is_leader() ? term_ : 0; }
  // Who leads as far as this process knows: itself, or whom the store named when it was read last. Empty when nobody
  // does, or the key has not changed for take_after.
  [[nodiscard]] std::optional<LeaderView> leader() const;
  // Of the last call of the store, when it failed: for status and log.
  [[nodiscard]] const std::string& last_error() const noexcept { return last_error_; }

  // Returns the term once this process leads, or 0 when stop() was called.
  [[nodiscard]] env::Task<std::uint64_t> wait_to_lead();
  // Returns once this process does not lead in `term` any more: at once when its time is over, whatever the store does.
  [[nodiscard]] env::Task<void> wait_to_lose(std::uint64_t term);

 private:
  struct Record {
    LeaderView leader;  // an empty name: nobody leads
    std::uint64_t boot = 0;
    std::uint64_t renewals = 0;
  };
  // What the store held when it was read last.
  struct Seen {
    std::optional<Record> record;
    metastore::Revision modified = 0;
    MonotonicTime since;  // it is like this
  };

  [[nodiscard]] static std::string encode(const Record& record);
  [[nodiscard]] static Result<Record> decode(const std::string& value);
  [[nodiscard]] env::Task<void> run();
  [[nodiscard]] env::Task<void> keep();
  [[nodiscard]] env::Task<void> look();
  [[nodiscard]] env::Task<Result<void>> read();
  [[nodiscard]] bool may_take() const noexcept;
  // Whether who led as it was seen last has the name and the endpoint of this process.
  [[nodiscard]] bool was_mine() const noexcept;
  // Writes this process's record over what was seen.
  [[nodiscard]] env::Task<Result<void>> write(std::uint64_t term);
  [[nodiscard]] env::Task<void> resign();
  void note(const Result<void>& result);
  void lose();

  env::Core& core_;
  metastore::Metastore& store_;
  const LeaderElectionOptions options_;
  const std::uint64_t boot_;
  std::optional<Seen> seen_;
  std::uint64_t term_ = 0;  // led, or being led; 0: not
  MonotonicTime leads_until_;
  std::uint64_t renewals_ = 0;
  bool outcome_unknown_ = false;  // of the last write
  MonotonicTime write_sent_;
  std::string last_error_;
  env::Event changed_;
  env::Event stop_;
  env::TaskGroup tasks_;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace weir::directory
