// Scheduler: the engine under Simulation, and the machines and cores it drives. Only for env/sim.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_function.h"
#include "env/core.h"
#include "env/sim/seeded_random.h"
#include "env/sim/sim_files.h"
#include "env/sim/sim_network.h"
#include "env/sim/simulation.h"
#include "env/timer_queue.h"

namespace weir::env {

class Scheduler;
class Machine;

class SimulatedCore final : public Core {
 public:
  SimulatedCore(Scheduler& scheduler, Machine& machine, std::uint32_t index, std::uint32_t serial);

  [[nodiscard]] std::uint32_t index() const noexcept override { return index_; }
  [[nodiscard]] MonotonicTime now() const noexcept override;
  [[nodiscard]] WallTime wall_now() const noexcept override;
  [[nodiscard]] bool is_current() const noexcept override;
  [[nodiscard]] std::uint64_t random_u64() noexcept override { return random_.next(); }
  void random_bytes(MutableBytes out) noexcept override;
  void post(PostNode& node) noexcept override;
  void arm(Timer& timer, MonotonicTime deadline) override;
  void disarm(Timer& timer) noexcept override;
  [[nodiscard]] Task<void> run_blocking(UniqueFunction<void()> work) override;
  [[nodiscard]] FileSystem& files() noexcept override { return files_; }
  [[nodiscard]] Network& network() noexcept override { return network_; }

  [[nodiscard]] Scheduler& scheduler() noexcept { return scheduler_; }
  [[nodiscard]] Machine& machine() noexcept { return machine_; }
  // Fails when the caller runs on another core: that is a race in the real world.
  void check_current() const noexcept;

  // co_await core.wait_for(d): as sleep_for, but for what goes on outside the program, such as a disk.
  [[nodiscard]] auto wait_for(Duration duration) noexcept {
    struct Awaiter {
      SimulatedCore& core;
      Duration duration;
      PostNode node;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> awaiting) {
        node.resume = awaiting;
        core.resume_after(node, duration);
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this, duration, {}};
  }

 private:
  friend class Scheduler;
  friend class Machine;
  void resume_after(PostNode& node, Duration duration);
  [[nodiscard]] bool has_work(MonotonicTime now) const noexcept {
    return first_ != nullptr || timers_.next_deadline() <= now;
  }
  void step(bool prefer_timers);

  Scheduler& scheduler_;
  Machine& machine_;
  std::uint32_t index_;
  std::uint32_t serial_;  // among all cores of the simulation
  SeededRandom random_;
  PostNode* first_ = nullptr;
  PostNode* last_ = nullptr;
  std::size_t pending_resumes_ = 0;  // of wait_for()
  TimerQueue timers_;
  SimulatedFileSystem files_;
  CoreNetwork network_;
};

class Machine final : public SimulatedMachine {
 public:
  Machine(Scheduler& scheduler, const MachineOptions& options, std::uint64_t own_disk_seed);

  [[nodiscard]] const std::string& name() const noexcept override { return options_.name; }
  [[nodiscard]] std::uint32_t core_count() const noexcept override { return options_.cores; }
  [[nodiscard]] Core& core(std::uint32_t index) noexcept override { return *cores_.at(index); }
  [[nodiscard]] SimulatedDisk& disk() noexcept override { return *disk_; }
  [[nodiscard]] bool is_alive() const noexcept override { return alive_; }
  void start(std::function<Task<void>()> main) override;
  void kill(PeerNotice notice) override;
  void pause(Duration duration) override;
  void step_wall_clock(Duration step) override { wall_offset_ += step; }

  [[nodiscard]] const std::string& address() const noexcept { return options_.address; }
  [[nodiscard]] Duration wall_offset() const noexcept { return wall_offset_; }
  // The end of everything on this machine: of the whole run when it is the first.
  void die(PeerNotice notice);
  // co_await machine.stop_here(): the caller's machine dies; never returns.
  [[nodiscard]] auto stop_here() noexcept {
    struct Awaiter {
      Machine& machine;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<>) { machine.die(PeerNotice::reset); }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

 private:
  friend class Scheduler;
  Task<void> run_main();

  Scheduler& scheduler_;
  MachineOptions options_;
  std::unique_ptr<SimulatedDisk> own_disk_;
  SimulatedDisk* disk_;
  std::vector<std::unique_ptr<SimulatedCore>> cores_;
  std::function<Task<void>()> main_;
  const void* main_frame_ = nullptr;  // within main's frame while it runs, so that a leak checker sees what it holds
  bool alive_ = true;
  MonotonicTime paused_until_{};
  Duration wall_offset_{};
};

class Scheduler {
 public:
  explicit Scheduler(const SimulationOptions& options);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  [[nodiscard]] Outcome run(std::function<Task<int>()> main);
  void stop() noexcept { stopping_ = true; }
  // True when nothing that a coroutine may be waiting for is left, so that the scheduler can be freed.
  [[nodiscard]] bool is_idle() const noexcept;
  void release_disks() noexcept;

  [[nodiscard]] Machine& add_machine(const MachineOptions& options);
  [[nodiscard]] Machine* find_machine(std::string_view address) noexcept;  // alive; null when there is none
  void remove_cores(const Machine& machine);
  [[nodiscard]] Machine& first_machine() noexcept { return *machines_.front(); }
  [[nodiscard]] SimulatedNetwork& network() noexcept { return network_; }
  [[nodiscard]] const SimulationOptions& options() const noexcept { return options_; }

  [[nodiscard]] MonotonicTime now() const noexcept { return now_; }
  [[nodiscard]] SimulatedCore* current() const noexcept { return current_; }
  [[nodiscard]] SeededRandom& random() noexcept { return random_; }
  [[nodiscard]] Duration draw_duration(Duration least, Duration most) noexcept;
  // Calls `event` once virtual time has moved on by `after`. It must not run simulated code, only post it.
  void schedule(Duration after, UniqueFunction<void()> event);
  // Runs `start` as code of `core`.
  void run_on(SimulatedCore& core, const std::function<void()>& start);

  // One step or operation for the trace.
  void record(std::string_view what, std::string_view subject, std::uint64_t first = 0, std::uint64_t second = 0);

  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  [[nodiscard]] int exit_code() const noexcept { return exit_code_; }
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return trace_hash_; }

 private:
  struct ScheduledEvent {
    MonotonicTime due;
    std::uint64_t order;
    UniqueFunction<void()> event;
  };
  struct Later;

  [[nodiscard]] Outcome loop();
  void run_due_events();
  [[nodiscard]] SimulatedCore* choose_core();
  [[nodiscard]] bool advance_time();
  void step(SimulatedCore& core);
  Task<void> run_main();

  SimulationOptions options_;
  SeededRandom random_;
  SeededRandom choice_;  // of what runs next
  MonotonicTime now_{};
  std::vector<ScheduledEvent> events_;  // a heap, the next one first
  std::uint64_t event_order_ = 0;
  SimulatedNetwork network_;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::uint32_t core_serial_ = 0;
  std::vector<SimulatedCore*> cores_;       // of machines that are alive
  std::vector<SimulatedCore*> candidates_;  // kept to save allocations
  SimulatedCore* current_ = nullptr;
  std::function<Task<int>()> main_;
  const void* main_frame_ = nullptr;  // as Machine's
  bool main_ended_ = false;
  bool stopping_ = false;
  int exit_code_ = 0;
  Outcome outcome_ = Outcome::not_run;
  std::uint64_t steps_ = 0;
  std::uint64_t trace_hash_ = 0;
};

}  // namespace weir::env
