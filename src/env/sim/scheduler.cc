#include "env/sim/scheduler.h"

#include <algorithm>
#include <utility>

namespace weir::env {
namespace {

std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return hash;
}

enum Purpose : std::uint64_t { purpose_delays = 1, purpose_choices = 2, purpose_cores = 1000 };

}  // namespace

SimulatedCore::SimulatedCore(Scheduler& scheduler, Machine& machine, std::uint32_t index, std::uint32_t serial)
    : scheduler_(scheduler),
      machine_(machine),
      index_(index),
      serial_(serial),
      random_(scheduler.options().seed, purpose_cores + serial),
      files_(*this),
      network_(*this) {}

MonotonicTime SimulatedCore::now() const noexcept { return scheduler_.now(); }

WallTime SimulatedCore::wall_now() const noexcept {
  const Duration since_start = scheduler_.now().time_since_epoch() + machine_.wall_offset();
  return scheduler_.options().wall_clock_start + std::chrono::floor<milliseconds>(since_start);
}

bool SimulatedCore::is_current() const noexcept { return scheduler_.current() == this; }

void SimulatedCore::check_current() const noexcept {
  WEIR_ASSERT_NOTE(scheduler_.current() == this || scheduler_.current() == nullptr,
                   "called from another core: in the real world a race");
}

void SimulatedCore::random_bytes(MutableBytes out) noexcept {
  for (std::byte& byte : out) byte = static_cast<std::byte>(random_.next() >> 56);
}

void SimulatedCore::post(PostNode& node) noexcept {
  node.next.store(nullptr, std::memory_order_relaxed);
  if (last_ != nullptr) {
    last_->next.store(&node, std::memory_order_relaxed);
  } else {
    first_ = &node;
  }
  last_ = &node;
}

void SimulatedCore::arm(Timer& timer, MonotonicTime deadline) {
  check_current();
  timers_.arm(timer, deadline);
}

void SimulatedCore::disarm(Timer& timer) noexcept {
  check_current();
  timers_.disarm(timer);
}

Task<void> SimulatedCore::run_blocking(UniqueFunction<void()> work) {
  check_current();
  co_await wait_for(scheduler_.draw_duration({}, scheduler_.options().blocking_work_duration_max));
  work();
}

void SimulatedCore::resume_after(PostNode& node, Duration duration) {
  ++pending_resumes_;
  scheduler_.schedule(duration, [this, &node] {
    --pending_resumes_;
    post(node);
  });
}

void SimulatedCore::step(bool prefer_timers) {
  const bool timers_due = timers_.next_deadline() <= scheduler_.now();
  if (timers_due && (prefer_timers || first_ == nullptr)) {
    timers_.expire(scheduler_.now());
    return;
  }
  PostNode& node = *first_;
  first_ = node.next.load(std::memory_order_relaxed);
  if (first_ == nullptr) last_ = nullptr;
  node.resume.resume();
}

Machine::Machine(Scheduler& scheduler, const MachineOptions& options, std::uint64_t own_disk_seed)
    : scheduler_(scheduler), options_(options), disk_(options.disk) {
  if (disk_ == nullptr) {
    own_disk_ = std::make_unique<SimulatedDisk>(SimulatedDiskOptions{.seed = own_disk_seed});
    disk_ = own_disk_.get();
  }
  disk_->attach();
}

void Machine::start(std::function<Task<void>()> main) {
  WEIR_ASSERT_NOTE(alive_ && !main_ && this != &scheduler_.first_machine(), "a machine's main starts once");
  main_ = std::move(main);
  scheduler_.run_on(*cores_.front(), [this] { spawn(run_main()); });
}

Task<void> Machine::run_main() {
  const char anchor = 0;
  main_frame_ = &anchor;
  co_await main_();
  main_frame_ = nullptr;
}

void Machine::kill(PeerNotice notice) {
  WEIR_ASSERT_NOTE(this != &scheduler_.first_machine(), "Simulation::stop() ends the first machine");
  if (alive_) die(notice);
}

void Machine::die(PeerNotice notice) {
  alive_ = false;
  disk_->detach();
  scheduler_.remove_cores(*this);
  if (this == &scheduler_.first_machine()) {
    scheduler_.stop();
  } else {
    scheduler_.network().drop_machine(*this, notice == PeerNotice::reset);
  }
}

void Machine::pause(Duration duration) { paused_until_ = std::max(paused_until_, scheduler_.now() + duration); }

// Orders a heap so that the event due next comes first.
struct Scheduler::Later {
  bool operator()(const ScheduledEvent& a, const ScheduledEvent& b) const noexcept {
    return a.due != b.due ? a.due > b.due : a.order > b.order;
  }
};

Scheduler::Scheduler(const SimulationOptions& options)
    : options_(options),
      random_(options.seed, purpose_delays),
      choice_(options.seed, purpose_choices),
      network_(*this) {
  WEIR_ASSERT(options.cores >= 1);
  static_cast<void>(add_machine({.name = "first",
                                 .address = "10.0.0.1",
                                 .cores = options.cores + (options.background_core ? 1 : 0),
                                 .disk = options.disk}));
}

Machine& Scheduler::add_machine(const MachineOptions& options) {
  WEIR_ASSERT(options.cores >= 1);
  const auto is_taken = [&options](const auto& other) { return other->alive_ && other->address() == options.address; };
  WEIR_ASSERT_NOTE(std::ranges::none_of(machines_, is_taken), "each machine has an address of its own");
  machines_.push_back(std::make_unique<Machine>(*this, options, random_.next()));
  Machine& machine = *machines_.back();
  for (std::uint32_t i = 0; i < options.cores; ++i) {
    machine.cores_.push_back(std::make_unique<SimulatedCore>(*this, machine, i, core_serial_++));
    cores_.push_back(machine.cores_.back().get());
  }
  return machine;
}

Machine* Scheduler::find_machine(std::string_view address) noexcept {
  for (const auto& machine : machines_) {
    if (machine->alive_ && machine->address() == address) return machine.get();
  }
  return nullptr;
}

void Scheduler::remove_cores(const Machine& machine) {
  std::erase_if(cores_, [&machine](SimulatedCore* core) { return &core->machine() == &machine; });
}

Duration Scheduler::draw_duration(Duration least, Duration most) noexcept {
  return Duration(static_cast<Duration::rep>(
      random_.between(static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count()))));
}

void Scheduler::schedule(Duration after, UniqueFunction<void()> event) {
  events_.push_back({now_ + after, event_order_++, std::move(event)});
  std::ranges::push_heap(events_, Later{});
}

void Scheduler::run_on(SimulatedCore& core, const std::function<void()>& start) {
  SimulatedCore* const before = std::exchange(current_, &core);
  start();
  current_ = before;
}

void Scheduler::record(std::string_view what, std::string_view subject, std::uint64_t first, std::uint64_t second) {
  for (const std::uint64_t part : {hash_text(what), hash_text(subject), first, second,
                                   static_cast<std::uint64_t>(now_.time_since_epoch().count())}) {
    std::uint64_t state = trace_hash_ ^ part;
    trace_hash_ = splitmix64(state);
  }
  if (!options_.trace) return;
  options_.trace(std::to_string(now_.time_since_epoch().count()) + " ns: " + std::string(what) + " " +
                 std::string(subject) + " " + std::to_string(first) + " " + std::to_string(second));
}

Task<void> Scheduler::run_main() {
  const char anchor = 0;
  main_frame_ = &anchor;
  exit_code_ = co_await main_();
  main_ended_ = true;
}

Outcome Scheduler::run(std::function<Task<int>()> main) {
  WEIR_ASSERT_NOTE(outcome_ == Outcome::not_run, "a simulation runs once");
  main_ = std::move(main);
  run_on(*machines_.front()->cores_.front(), [this] { spawn(run_main()); });
  outcome_ = loop();
  return outcome_;
}

Outcome Scheduler::loop() {
  for (;;) {
    if (stopping_) return Outcome::crashed;
    if (main_ended_) return Outcome::finished;
    run_due_events();
    SimulatedCore* const core = choose_core();
    if (core == nullptr) {
      if (!advance_time()) return Outcome::deadlocked;
      continue;
    }
    if (steps_ == options_.steps_max) return Outcome::step_limit_reached;
    step(*core);
  }
}

void Scheduler::run_due_events() {
  while (!events_.empty() && events_.front().due <= now_) {
    std::ranges::pop_heap(events_, Later{});
    ScheduledEvent due = std::move(events_.back());
    events_.pop_back();
    due.event();
  }
}

SimulatedCore* Scheduler::choose_core() {
  candidates_.clear();
  for (SimulatedCore* const core : cores_) {
    if (core->machine().paused_until_ <= now_ && core->has_work(now_)) candidates_.push_back(core);
  }
  if (candidates_.empty()) return nullptr;
  return candidates_[candidates_.size() == 1 ? 0 : choice_.below(candidates_.size())];
}

bool Scheduler::advance_time() {
  MonotonicTime next = events_.empty() ? no_deadline : events_.front().due;
  for (const SimulatedCore* const core : cores_) {
    const MonotonicTime work_at = core->first_ != nullptr ? now_ : core->timers_.next_deadline();
    if (work_at != no_deadline) next = std::min(next, std::max(work_at, core->machine_.paused_until_));
  }
  if (next == no_deadline) return false;
  WEIR_ASSERT(next > now_);
  now_ = next;
  return true;
}

void Scheduler::step(SimulatedCore& core) {
  ++steps_;
  if (options_.step_duration_max != Duration{}) now_ += draw_duration({}, options_.step_duration_max);
  record("step", core.machine().name(), core.serial_, steps_);
  current_ = &core;
  core.step(choice_.coin());
  current_ = nullptr;
}

bool Scheduler::is_idle() const noexcept {
  const auto core_is_idle = [](const std::unique_ptr<SimulatedCore>& core) {
    return core->first_ == nullptr && core->timers_.empty() && core->pending_resumes_ == 0;
  };
  return (outcome_ == Outcome::finished || outcome_ == Outcome::not_run) && network_.is_idle() &&
         std::ranges::all_of(machines_, [&](const auto& machine) {
           return machine->alive_ && machine->main_frame_ == nullptr &&
                  std::ranges::all_of(machine->cores_, core_is_idle);
         });
}

void Scheduler::release_disks() noexcept {
  for (const auto& machine : machines_) {
    if (machine->alive_) machine->disk_->detach();
  }
}

}  // namespace weir::env
