#include "env/sim/simulation.h"

#include <utility>
#include <vector>

#include "env/sim/scheduler.h"

namespace weir::env {
namespace {

// Keeps what a stopped run left in memory, out of a leak checker's sight. Nothing in it is used again.
void bury(std::unique_ptr<Scheduler> scheduler) {
  static auto* const graveyard = new std::vector<Scheduler*>;
  graveyard->push_back(scheduler.release());
}

}  // namespace

std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::not_run: return "not run";
    case Outcome::finished: return "finished";
    case Outcome::crashed: return "crashed";
    case Outcome::deadlocked: return "deadlocked: main has not ended, nothing is ready, no timer and no I/O is pending";
    case Outcome::step_limit_reached: return "step limit reached: taken for hung";
  }
  return "unknown";
}

Simulation::Simulation(const SimulationOptions& options) : scheduler_(std::make_unique<Scheduler>(options)) {}

Simulation::~Simulation() {
  scheduler_->release_disks();
  if (!scheduler_->is_idle()) bury(std::move(scheduler_));
}

std::uint32_t Simulation::core_count() const noexcept { return scheduler_->options().cores; }

Core* Simulation::background_core() noexcept {
  return scheduler_->options().background_core ? &core(core_count()) : nullptr;
}

Core& Simulation::core(std::uint32_t index) noexcept { return scheduler_->first_machine().core(index); }

int Simulation::run(std::function<Task<int>()> main) {
  switch (run_to_outcome(std::move(main))) {
    case Outcome::finished: return exit_code();
    case Outcome::crashed: return exit_code_crashed;
    default: assertion_failed("the simulation runs to its end", "simulation.cc", __LINE__, report().c_str());
  }
}

Outcome Simulation::run_to_outcome(std::function<Task<int>()> main) { return scheduler_->run(std::move(main)); }

Outcome Simulation::outcome() const noexcept { return scheduler_->outcome(); }

int Simulation::exit_code() const noexcept { return scheduler_->exit_code(); }

std::string Simulation::report() const {
  return "simulation with seed " + std::to_string(scheduler_->options().seed) + " " +
         std::string(to_string(outcome())) + "; after " + std::to_string(steps()) + " steps and " +
         std::to_string(now().time_since_epoch().count()) + " ns of virtual time";
}

void Simulation::stop() { scheduler_->stop(); }

SimulatedMachine& Simulation::first_machine() noexcept { return scheduler_->first_machine(); }

SimulatedMachine& Simulation::add_machine(const MachineOptions& options) { return scheduler_->add_machine(options); }

SimulatedNetwork& Simulation::network() noexcept { return scheduler_->network(); }

void Simulation::step_wall_clock(Duration step) { scheduler_->first_machine().step_wall_clock(step); }

MonotonicTime Simulation::now() const noexcept { return scheduler_->now(); }

std::uint64_t Simulation::steps() const noexcept { return scheduler_->steps(); }

std::uint64_t Simulation::trace_hash() const noexcept { return scheduler_->trace_hash(); }

}  // namespace weir::env
