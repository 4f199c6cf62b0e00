#include "frontend/fleet_call_rates.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "directory/fleet/front_end_census.h"
#include "directory/rpc_paths.h"

namespace weir::frontend {
namespace {

using directory::RateAsk;
using directory::RateGrant;
using directory::RatesAnswer;
using directory::RatesAsk;

constexpr Duration ask_interval = milliseconds(20);  // in the long run
constexpr std::int64_t asks_in_a_row_max = 25;
// How soon the directory is told what was admitted by share: what it does not know, it may grant once more.
constexpr Duration report_interval = milliseconds(50);
// No call waits for a probe, so it may take its time.
constexpr Duration probe_patience = seconds(1);
constexpr Duration probe_interval = milliseconds(200);
constexpr Duration first_probe_after = milliseconds(20);

template <class Entry>
std::vector<SubjectTable<Entry>> make_tables(std::uint32_t count, const SubjectTableOptions& options) {
  std::vector<SubjectTable<Entry>> tables;
  tables.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) tables.emplace_back(options);
  return tables;
}

env::Task<void> stop_connection(std::unique_ptr<net::RpcConnection> connection) { co_await connection->stop(); }

}  // namespace

FleetCallRates::FleetCallRates(env::Core& home, net::ConnectToPeer connect, FleetCallRatesOptions options,
                               CallRateMetrics& metrics)
    : home_(home),
      connect_(std::move(connect)),
      options_(std::move(options)),
      metrics_(metrics),
      told_(make_tables<Told>(options_.cores, options_.subjects)),
      subjects_(options_.subjects),
      front_ends_(std::max(1U, options_.front_ends_assumed)),
      work_(home),
      tasks_(home) {}

FleetCallRates::~FleetCallRates() { WEIR_ASSERT_NOTE(connection_ == nullptr, "call rates of a fleet must be stopped"); }

void FleetCallRates::start() {
  WEIR_ASSERT(!started_ && !options_.directories.empty());
  started_ = true;
  const MonotonicTime now = home_.now();
  apart_since_ = now;
  next_probe_ = now;
  last_ask_ = now;
  metrics_.apart.set(1);
  metrics_.front_ends.set(front_ends_);
  tasks_.spawn(run());
}

env::Task<void> FleetCallRates::stop() {
  stopping_ = true;
  work_.notify_all();
  if (connection_ != nullptr) connection_->close();
  co_await tasks_.wait();
  if (connection_ != nullptr) co_await connection_->stop();
  connection_ = nullptr;
  end_all_by_share();
  while (waiting_ != 0) co_await home_.yield();
}

SubjectTable<FleetCallRates::Told>* FleetCallRates::told_of(const env::Core& caller) noexcept {
  return &caller == &home_ || caller.index() >= told_.size() ? nullptr : &told_[caller.index()];
}

env::Task<bool> FleetCallRates::admit(env::Core& caller, std::string subject, std::uint32_t calls_per_second) {
  SubjectTable<Told>* const told = told_of(caller);
  const Told* const known = told == nullptr ? nullptr : told->find(subject);
  if (known != nullptr && caller.now() < known->refused_until) {
    metrics_.over_told.add();
    co_return false;
  }
  co_await home_.enter();
  const bool admitted = co_await decide(subject, calls_per_second);
  const Entry* const entry = subjects_.find(subject);
  const MonotonicTime refused_until = entry == nullptr ? MonotonicTime{} : entry->refused_until;
  metrics_.subjects.set(static_cast<std::int64_t>(subjects_.size()));
  co_await caller.enter();
  if (told != nullptr && caller.now() < refused_until) {
    if (Told* const noted = told->find_or_make(caller.now(), subject)) noted->refused_until = refused_until;
  }
  co_return admitted;
}

bool FleetCallRates::is_asking(MonotonicTime now) noexcept {
  if (mode_ == Mode::settling && now >= settled_at_) {
    mode_ = Mode::asking;
    metrics_.apart.set(0);
  }
  return mode_ == Mode::asking;
}

env::Task<bool> FleetCallRates::decide(std::string subject, std::uint32_t calls_per_second) {
  const MonotonicTime now = home_.now();
  Entry* const entry = subjects_.find_or_make(now, subject);
  if (entry == nullptr) {
    metrics_.without_room.add();
    co_return false;
  }
  entry->calls_per_second = calls_per_second;
  if (now < entry->refused_until) {
    metrics_.over_told.add();
    co_return false;
  }
  if (is_asking(now) && waiting_ < options_.waiting_max && !stopping_) {
    const std::optional<bool> granted = co_await wait_for_grant(subject, calls_per_second);
    if (granted) co_return *granted;
  }
  co_return admit_by_share(subject, calls_per_second);
}

env::Task<std::optional<bool>> FleetCallRates::wait_for_grant(std::string subject, std::uint32_t calls_per_second) {
  const std::shared_ptr<Batch> batch = batch_for(subject);
  Calls& calls = batch->subjects[subject];
  calls.calls_per_second = calls_per_second;
  const std::uint32_t place = calls.wanted++;
  metrics_.waiting.set(static_cast<std::int64_t>(++waiting_));
  work_.notify_all();
  const MonotonicTime deadline = home_.now() + options_.wait_max;
  while (batch->state == Batch::State::waiting && co_await batch->done.wait_until(deadline)) {
  }
  metrics_.waiting.set(static_cast<std::int64_t>(--waiting_));
  if (batch->state != Batch::State::answered) co_return std::nullopt;
  const Calls& answered = batch->subjects.at(subject);
  if (answered.by_share) co_return std::nullopt;
  const bool admitted = place < answered.granted;
  if (!admitted) {
    metrics_.over_rate.add();
  } else if (Entry* const entry = subjects_.find_or_make(home_.now(), subject)) {
    // So that the share, should it be needed the next moment, is what is left of it.
    static_cast<void>(entry->admitted.try_admit(home_.now(), {.records = calls_per_second}, 1, 0));
  }
  co_return admitted;
}

bool FleetCallRates::admit_by_share(const std::string& subject, std::uint32_t calls_per_second) {
  const MonotonicTime now = home_.now();
  const std::uint32_t share = std::max(1U, calls_per_second / front_ends_);
  Entry* const entry = subjects_.find_or_make(now, subject);
  if (entry == nullptr || entry->admitted.try_admit(now, {.records = share}, 1, 0) != model::Admit::yes) {
    metrics_.over_share.add();
    return false;
  }
  ++entry->unreported;
  unreported_.insert(subject);
  metrics_.admitted_by_share.add();
  if (mode_ != Mode::apart) work_.notify_all();
  return true;
}

std::shared_ptr<FleetCallRates::Batch> FleetCallRates::batch_for(const std::string& subject) {
  if (gathered_.empty() || (gathered_.back()->subjects.size() >= directory::rate_subjects_per_ask_max &&
                            !gathered_.back()->subjects.contains(subject))) {
    gathered_.push_back(std::make_shared<Batch>(home_));
  }
  return gathered_.back();
}

env::Task<void> FleetCallRates::run() {
  while (!stopping_) {
    const MonotonicTime due = next_ask();
    if (home_.now() < due) {
      static_cast<void>(co_await work_.wait_until(due));
    } else {
      co_await ask();
    }
  }
}

MonotonicTime FleetCallRates::next_ask() {
  const MonotonicTime hello = last_ask_ + directory::front_end_hello_interval;
  if (is_asking(home_.now())) {
    if (!gathered_.empty()) return evenly_asked_until_ - (asks_in_a_row_max - 1) * ask_interval;
    return unreported_.empty() ? hello : last_ask_ + ask_interval;
  }
  if (mode_ == Mode::apart) return next_probe_;
  // The end of settling needs no ask: the first call that comes after it sees it.
  return unreported_.empty() ? hello : last_ask_ + report_interval;
}

env::Task<void> FleetCallRates::ask() {
  const MonotonicTime now = home_.now();
  std::shared_ptr<Batch> batch;
  if (!gathered_.empty()) {
    batch = std::move(gathered_.front());
    gathered_.pop_front();
  }
  const RatesAsk ask = compose(batch.get());
  last_ask_ = now;
  evenly_asked_until_ = std::max(evenly_asked_until_, now) + ask_interval;
  metrics_.asks.add();
  const Result<RatesAnswer> answer =
      co_await send(ask, now + (mode_ == Mode::apart ? probe_patience : options_.wait_max));
  if (answer) {
    take(ask, *answer, batch.get());
  } else {
    metrics_.asks_failed.add();
    go_apart(answer.error().message);
  }
  if (batch != nullptr && batch->state == Batch::State::waiting) end(*batch, Batch::State::by_share);
}

RatesAsk FleetCallRates::compose(const Batch* batch) {
  const MonotonicTime now = home_.now();
  RatesAsk ask{.process = options_.process, .fleet = options_.fleet, .subjects = {}};
  const auto spent_of = [&](const std::string& subject) -> std::uint32_t {
    Entry* const entry = subjects_.find(subject);
    if (entry == nullptr || entry->unreported == 0) return 0;
    static_cast<void>(entry->admitted.next_change(now));  // what is older than a second concerns nobody any more
    return std::min(entry->unreported, static_cast<std::uint32_t>(entry->admitted.records_in_window()));
  };
  if (batch != nullptr) {
    for (const auto& [subject, calls] : batch->subjects) {
      ask.subjects.push_back({.subject = subject,
                              .calls_per_second = calls.calls_per_second,
                              .wanted = calls.wanted,
                              .spent = spent_of(subject)});
    }
  }
  absl::erase_if(unreported_, [&](const std::string& subject) {
    if (ask.subjects.size() >= directory::rate_subjects_per_ask_max) return false;
    if (batch != nullptr && batch->subjects.contains(subject)) return false;
    Entry* const entry = subjects_.find(subject);
    const std::uint32_t spent = spent_of(subject);
    if (spent == 0) {
      if (entry != nullptr) entry->unreported = 0;
      return true;
    }
    ask.subjects.push_back(
        {.subject = subject, .calls_per_second = entry->calls_per_second, .wanted = 0, .spent = spent});
    return false;
  });
  return ask;
}

env::Task<Result<RatesAnswer>> FleetCallRates::send(const RatesAsk& ask, MonotonicTime deadline) {
  const env::Endpoint first = leader_ ? *leader_ : options_.directories[turn_++ % options_.directories.size()];
  auto answer = co_await send_to(first, ask, deadline);
  if (answer && !answer->is_leader && answer->leader && *answer->leader != first) {
    const env::Endpoint named = *answer->leader;
    answer = co_await send_to(named, ask, deadline);
    if (answer && answer->is_leader) leader_ = named;
  } else if (answer && answer->is_leader) {
    leader_ = first;
  }
  if (answer && !answer->is_leader) answer = fail(ErrorCode::unavailable, "no directory leads");
  if (!answer) leader_.reset();
  co_return answer;
}

env::Task<Result<RatesAnswer>> FleetCallRates::send_to(env::Endpoint directory, const RatesAsk& ask,
                                                       MonotonicTime deadline) {
  if (stopping_) co_return fail(ErrorCode::closed, "this process is stopping");
  if (connection_ == nullptr || connected_to_ != directory) {
    disconnect();
    connection_ = connect_(home_, directory);
    connected_to_ = directory;
  }
  auto response = co_await connection_->send(directory::rates_path, encode(ask), deadline);
  if (!response) {
    if (!stopping_) disconnect();
    co_return fail(response.error().code, to_string(directory) + ": " + response.error().message);
  }
  if (response->status != 200) {
    co_return fail(ErrorCode::unavailable, to_string(directory) + " answered HTTP " + std::to_string(response->status));
  }
  co_return directory::decode_rates_answer(response->body, ask.subjects);
}

void FleetCallRates::take(const RatesAsk& ask, const RatesAnswer& answer, Batch* batch) {
  const MonotonicTime now = home_.now();
  if (answer.front_ends != 0) front_ends_ = answer.front_ends;
  metrics_.front_ends.set(front_ends_);
  for (const RateAsk& asked : ask.subjects) {
    Entry* const entry = subjects_.find(asked.subject);
    if (entry == nullptr || asked.spent == 0) continue;
    entry->unreported -= std::min(asked.spent, entry->unreported);
    if (entry->unreported == 0) unreported_.erase(asked.subject);
  }
  if (answer.began_lately) {
    come_back(now + directory::rate_window);
  } else if (mode_ == Mode::apart) {
    const Duration away = std::min<Duration>(now - apart_since_, directory::rate_window);
    come_back(was_asking_ever_ ? now + away : now);
  } else if (batch != nullptr && now - last_ask_ > directory::grant_life) {
    metrics_.grants_late.add();
  } else if (batch != nullptr) {
    take_grants(ask, answer, *batch);
  }
}

void FleetCallRates::take_grants(const RatesAsk& ask, const RatesAnswer& answer, Batch& batch) {
  const MonotonicTime now = home_.now();
  for (std::size_t i = 0; i < batch.subjects.size(); ++i) {
    const RateGrant& grant = answer.grants[i];
    const std::string& subject = ask.subjects[i].subject;
    Calls& calls = batch.subjects.at(subject);
    calls.granted = grant.granted;
    calls.by_share = grant.by_share;
    if (grant.by_share || grant.granted == calls.wanted) continue;
    if (Entry* const entry = subjects_.find(subject)) entry->refused_until = now + grant.refuse_for;
  }
  end(batch, Batch::State::answered);
}

void FleetCallRates::go_apart(std::string_view reason) {
  if (stopping_) return;
  const MonotonicTime now = home_.now();
  const auto jitter = Duration(static_cast<std::int64_t>(
      home_.random_u64() % static_cast<std::uint64_t>(std::chrono::nanoseconds(probe_interval).count())));
  next_probe_ = now + (mode_ == Mode::apart ? probe_interval / 2 + jitter : first_probe_after);
  if (mode_ == Mode::apart) return;
  if (is_asking(now)) apart_since_ = now;
  mode_ = Mode::apart;
  metrics_.apart.set(1);
  end_all_by_share();
  log_warning("frontend", "call rates are held by this front end's share: no directory can be asked",
              {{"reason", std::string(reason)}, {"front_ends", front_ends_}});
}

void FleetCallRates::come_back(MonotonicTime settled_at) {
  if (mode_ == Mode::apart && was_asking_ever_) {
    log_info("frontend", "the directory counts call rates again",
             {{"away_ms", std::chrono::duration_cast<milliseconds>(home_.now() - apart_since_).count()}});
  }
  was_asking_ever_ = true;
  mode_ = Mode::settling;
  metrics_.apart.set(1);
  settled_at_ = settled_at;
  end_all_by_share();
  static_cast<void>(is_asking(home_.now()));
}

void FleetCallRates::end(Batch& batch, Batch::State state) {
  batch.state = state;
  batch.done.notify_all();
}

void FleetCallRates::end_all_by_share() {
  for (const std::shared_ptr<Batch>& batch : std::exchange(gathered_, {})) end(*batch, Batch::State::by_share);
}

void FleetCallRates::disconnect() {
  if (connection_ != nullptr) tasks_.spawn(stop_connection(std::exchange(connection_, nullptr)));
}

}  // namespace weir::frontend
