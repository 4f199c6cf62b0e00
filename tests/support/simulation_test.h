// Running code in a simulation, over many seeds, and saying how to see a failure again.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>

#include "env/sim/sim_disk.h"
#include "env/sim/simulation.h"

namespace weir::test {

// Runs `main` on core 0 of a one-core simulation and adds a test failure unless it finishes. Returns the trace hash.
// `main` and what it captures live until the simulation is gone.
std::uint64_t run_simulation(std::uint64_t seed, std::function<env::Task<void>(env::Core&)> main);
std::uint64_t run_simulation(const env::SimulationOptions& options, std::function<env::Task<void>(env::Core&)> main);
// The same for a run that may end in a crash (but in nothing worse): true when it finished.
bool run_simulation_until_crash(const env::SimulationOptions& options, std::function<env::Task<void>(env::Core&)> main);

// Calls `test(seed)` for `count` seeds from `first` on, stopping at the first one that fails the test, and names it. In
// the environment WEIR_SEED=n runs only seed n, and WEIR_SEEDS=n sets the number.
void for_each_seed(std::uint64_t first, std::uint64_t count, const std::function<void(std::uint64_t seed)>& test);
// The same with each seed in a child process: what a crashed simulation leaves in memory goes with it, and a seed that
// ends the process is reported like any other. Nothing that `test` changes is seen afterwards. With WEIR_SEED: here.
void for_each_seed_isolated(std::uint64_t first, std::uint64_t count,
                            const std::function<void(std::uint64_t seed)>& test);

// The same for seeds that once failed: just these, whatever WEIR_SEEDS says.
void for_kept_seeds(std::initializer_list<std::uint64_t> seeds, const std::function<void(std::uint64_t seed)>& test);

struct CrashCase {
  std::uint64_t boundary = 0;
  env::CrashPhase phase = env::CrashPhase::before;
  env::CrashMode mode = env::CrashMode::power_loss;
  std::uint64_t outcome = 0;  // several losses of power are tried at each point
};
// Enumerates crashes. `run` puts a simulation on the disk and does there what is tested; all its choices follow seeds.
// It is called once undisturbed for the number of boundaries, then once for each boundary and phase with a new disk
// that crashes there. `check` gets what each crash may have left, several times for each: kill -9, and loss of power
// with other sectors kept. It may run a simulation on that disk in turn. Stops at the first boundary that fails.
void for_each_crash_point(const env::SimulatedDiskOptions& options, const std::function<void(env::SimulatedDisk&)>& run,
                          const std::function<void(env::SimulatedDisk&, const CrashCase&)>& check);

}  // namespace weir::test
