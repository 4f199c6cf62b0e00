#include "tests/support/simulation_test.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace weir::test {
namespace {

std::optional<std::uint64_t> number_from_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

std::string replay_hint(std::uint64_t seed) {
  const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
  std::string hint =
      "failed with seed " + std::to_string(seed) + "; to see it again: WEIR_SEED=" + std::to_string(seed);
  if (test != nullptr) {
    hint.append(" <test program> --gtest_filter=").append(test->test_suite_name()).append(".").append(test->name());
  }
  return hint;
}

// The hint for the seed that is running, in place for a signal handler.
char running_hint[512];

void print_running_hint(int signal) {
  std::signal(signal, SIG_DFL);
  static_cast<void>(!write(STDERR_FILENO, running_hint, std::strlen(running_hint)));
  std::raise(signal);
}

// Runs one seed; a failed assertion inside Weir ends the process, but not without the hint.
bool passes(std::uint64_t seed, const std::function<void(std::uint64_t)>& test) {
  std::snprintf(running_hint, sizeof(running_hint), "%s\n", replay_hint(seed).c_str());
  const auto before = std::signal(SIGABRT, print_running_hint);
  const bool failed_before = testing::Test::HasFailure();
  {
    const testing::ScopedTrace trace(__FILE__, __LINE__, replay_hint(seed));
    test(seed);
  }
  std::signal(SIGABRT, before);
  return failed_before || !testing::Test::HasFailure();
}

bool passes_in_child(std::uint64_t seed, const std::function<void(std::uint64_t)>& test) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const bool passed = passes(seed, test);
    std::fflush(nullptr);
    _exit(passed ? 0 : 1);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    ADD_FAILURE() << "cannot run a child process: " << std::strerror(errno);
    return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool passes_isolated(std::uint64_t seed, const std::function<void(std::uint64_t)>& test) {
  const bool passed = passes_in_child(seed, test);
  if (!passed) ADD_FAILURE() << replay_hint(seed);
  return passed;
}

// One kill -9 and some losses of power for each point.
constexpr std::uint64_t crash_outcomes = 4;

std::string describe(const CrashCase& crash) {
  static constexpr const char* phases[] = {"before", "during", "after"};
  return "crash " + std::string(phases[static_cast<std::size_t>(crash.phase)]) + " boundary " +
         std::to_string(crash.boundary) + (crash.mode == env::CrashMode::process ? ", kill -9" : ", loss of power") +
         ", outcome " + std::to_string(crash.outcome);
}

template <class Run>
void for_each(std::uint64_t first, std::uint64_t count, const Run& run) {
  if (const auto count_wanted = number_from_environment("WEIR_SEEDS")) count = *count_wanted;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (!run(seed)) return;
  }
}

}  // namespace

bool run_simulation_until_crash(const env::SimulationOptions& options,
                                std::function<env::Task<void>(env::Core&)> main) {
  env::Simulation simulation(options);
  const env::Outcome outcome = simulation.run_to_outcome([&simulation, main = std::move(main)]() -> env::Task<int> {
    co_await main(simulation.core(0));
    co_return 0;
  });
  if (outcome == env::Outcome::finished) return true;
  EXPECT_EQ(outcome, env::Outcome::crashed) << simulation.report();
  return false;
}

std::uint64_t run_simulation(const env::SimulationOptions& options, std::function<env::Task<void>(env::Core&)> main) {
  env::Simulation simulation(options);
  const env::Outcome outcome = simulation.run_to_outcome([&simulation, main = std::move(main)]() -> env::Task<int> {
    co_await main(simulation.core(0));
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
  return simulation.trace_hash();
}

std::uint64_t run_simulation(std::uint64_t seed, std::function<env::Task<void>(env::Core&)> main) {
  return run_simulation(env::SimulationOptions{.seed = seed}, std::move(main));
}

void for_each_seed(std::uint64_t first, std::uint64_t count, const std::function<void(std::uint64_t)>& test) {
  if (const auto seed = number_from_environment("WEIR_SEED")) {
    passes(*seed, test);
    return;
  }
  for_each(first, count, [&test](std::uint64_t seed) { return passes(seed, test); });
}

void for_each_seed_isolated(std::uint64_t first, std::uint64_t count, const std::function<void(std::uint64_t)>& test) {
  if (const auto seed = number_from_environment("WEIR_SEED")) {
    passes(*seed, test);
    return;
  }
  for_each(first, count, [&test](std::uint64_t seed) { return passes_isolated(seed, test); });
}

void for_kept_seeds(std::initializer_list<std::uint64_t> seeds, const std::function<void(std::uint64_t)>& test) {
  for (const std::uint64_t seed : seeds) static_cast<void>(passes_isolated(seed, test));
}

void for_each_crash_point(const env::SimulatedDiskOptions& options, const std::function<void(env::SimulatedDisk&)>& run,
                          const std::function<void(env::SimulatedDisk&, const CrashCase&)>& check) {
  std::uint64_t boundaries = 0;
  {
    env::SimulatedDisk disk(options);
    run(disk);
    boundaries = disk.boundaries_crossed();
  }
  EXPECT_GT(boundaries, 0U) << "a run that never touches the disk has no crash points";
  for (std::uint64_t boundary = 0; boundary < boundaries && !testing::Test::HasFailure(); ++boundary) {
    for (const env::CrashPhase phase : env::all_crash_phases) {
      env::SimulatedDisk disk(options);
      disk.crash_at(boundary, phase);
      run(disk);
      EXPECT_TRUE(disk.crash_reached()) << "the run is not the same every time: take all its choices from the seed";
      for (std::uint64_t outcome = 0; outcome < crash_outcomes; ++outcome) {
        const auto mode = outcome == 0 ? env::CrashMode::process : env::CrashMode::power_loss;
        const CrashCase crash{boundary, phase, mode, outcome};
        const testing::ScopedTrace trace(__FILE__, __LINE__, describe(crash));
        const auto left = disk.copy(options.seed + outcome);
        left->crash(mode);
        check(*left, crash);
      }
      disk.crash(env::CrashMode::process);
    }
  }
}

}  // namespace weir::test
