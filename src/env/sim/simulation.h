// Simulation: one or more machines, each a Runtime of its own with a disk, a clock and a network address, in one thread
// and under one seed. Equal seeds and equal code give equal runs, to the last decision: compare trace_hash().
//
// Scheduling: whatever is ready runs in an order chosen by the seed between cores, first come first served within one.
// Time stands still while anything is ready (but see step_duration_max), then jumps to the next timer or completion.
//
// Stopping early (crash, deadlock, step limit): nothing runs any more. The coroutines that were cut off are neither
// resumed nor destroyed: destroying them would run destructors in an order that no program can expect. They are left in
// memory for ever, reachable, so that a leak checker is content. A test of thousands of crashes of something large runs
// each in a process of its own (for_each_seed_isolated in tests/support/simulation_test.h).
//
//   SimulatedDisk disk({.seed = 7});
//   Simulation simulation({.seed = 7, .disk = &disk});
//   int code = simulation.run([&simulation]() -> Task<int> { ... simulation.core(0) ... co_return 0; });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "env/runtime.h"
#include "env/sim/sim_disk.h"

namespace weir::env {

class Scheduler;
class SimulatedMachine;
class SimulatedNetwork;

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::uint32_t cores = 1;        // of the first machine
  bool background_core = false;   // of the first machine; it runs as any other
  SimulatedDisk* disk = nullptr;  // of the first machine; null: an empty one that goes with it
  WallTime wall_clock_start = wall_time_ms(1'767'225'600'000);  // 2026-01-01T00:00:00Z
  Duration blocking_work_duration_max = milliseconds(2);        // virtual time that run_blocking() takes, uniform
  Duration step_duration_max{};                                 // virtual time that each step takes, uniform; 0: none
  std::uint64_t steps_max = 50'000'000;                         // a run that takes more is taken for hung
  std::function<void(std::string_view line)> trace;             // when set, gets one line per step and operation
};

enum class Outcome : std::uint8_t {
  not_run,
  finished,    // main ended
  crashed,     // stop() was called, or the first machine's disk reached its crash point
  deadlocked,  // main has not ended, nothing is ready and nothing is awaited from outside
  step_limit_reached,
};
[[nodiscard]] std::string_view to_string(Outcome outcome) noexcept;

struct MachineOptions {
  std::string name = "machine";
  std::string address;            // numeric; peers connect to it. Each machine has 127.0.0.1 and ::1 to itself besides
  std::uint32_t cores = 1;        // all of them
  SimulatedDisk* disk = nullptr;  // null: an empty one that goes with the machine
};

// What the peers of a machine that dies see of it.
enum class PeerNotice : std::uint8_t {
  reset,   // their connections break, as when a process is killed
  silent,  // nothing ever comes again, as when the power goes
};

// One machine and the one process on it. Belongs to its simulation.
class SimulatedMachine {
 public:
  virtual ~SimulatedMachine() = default;
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t core_count() const noexcept = 0;
  [[nodiscard]] virtual Core& core(std::uint32_t index) noexcept = 0;
  [[nodiscard]] virtual SimulatedDisk& disk() noexcept = 0;
  [[nodiscard]] virtual bool is_alive() const noexcept = 0;

  // Starts `main` on core 0. Not for the first machine, whose main is run()'s. The function is kept until the end.
  virtual void start(std::function<Task<void>()> main) = 0;
  // Nothing on the machine runs any more, its locks are released. Apply a crash to its disk, then add a machine with
  // the same address and disk: that is the reboot. Not for the first machine: see Simulation::stop().
  virtual void kill(PeerNotice notice = PeerNotice::reset) = 0;
  // Nothing on the machine runs for `duration`, while time goes on: a virtual machine that is paused, a long page
  // fault.
  virtual void pause(Duration duration) = 0;
  // Moves the wall clock on or back. The monotonic clock is not touched.
  virtual void step_wall_clock(Duration step) = 0;
};

class Simulation final : public Runtime {
 public:
  explicit Simulation(const SimulationOptions& options);
  // May be called at any point of a run that has stopped. The disks must still exist; they are free afterwards.
  ~Simulation() override;

  // The first machine's cores.
  [[nodiscard]] std::uint32_t core_count() const noexcept override;
  [[nodiscard]] Core* background_core() noexcept override;
  [[nodiscard]] Core& core(std::uint32_t index) noexcept override;

  // As Runtime says. A deadlock and the step limit end the process with report(). After a crash: exit_code_crashed.
  [[nodiscard]] int run(std::function<Task<int>()> main) override;
  static constexpr int exit_code_crashed = 137;
  // The same, but every outcome comes back.
  [[nodiscard]] Outcome run_to_outcome(std::function<Task<int>()> main);

  [[nodiscard]] Outcome outcome() const noexcept;
  [[nodiscard]] int exit_code() const noexcept;  // main's; meaningful once finished
  // What the outcome was, when, after how many steps, and how to see it again. One line.
  [[nodiscard]] std::string report() const;

  // Ends the run after the step that calls this, as a crash. Callable from any simulated code.
  void stop();

  [[nodiscard]] SimulatedMachine& first_machine() noexcept;
  [[nodiscard]] SimulatedMachine& add_machine(const MachineOptions& options);
  [[nodiscard]] SimulatedNetwork& network() noexcept;
  void step_wall_clock(Duration step);  // the first machine's

  [[nodiscard]] MonotonicTime now() const noexcept;
  [[nodiscard]] std::uint64_t steps() const noexcept;
  // Mixes every scheduling decision, every disk and network operation, and the time of each.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept;

 private:
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace weir::env
