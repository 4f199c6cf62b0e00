#include "directory/fleet/leader_election.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "directory/map/map.pb.h"

namespace weir::directory {

LeaderElection::LeaderElection(env::Core& core, metastore::Metastore& store, LeaderElectionOptions options)
    : core_(core),
      store_(store),
      options_(std::move(options)),
      boot_(core.random_u64() | 1),
      changed_(core),
      stop_(core),
      tasks_(core) {
  WEIR_ASSERT(!options_.name.empty() && options_.step_down_after < options_.take_after);
}

LeaderElection::~LeaderElection() { WEIR_ASSERT_NOTE(!started_ || stopping_, "an election must be stopped"); }

void LeaderElection::start() {
  WEIR_ASSERT(!started_);
  started_ = true;
  tasks_.spawn(run());
}

env::Task<void> LeaderElection::stop() {
  stopping_ = true;
  stop_.notify_all();
  changed_.notify_all();
  co_await tasks_.wait();
  if (started_) co_await resign();
  lose();
}

std::optional<LeaderView> LeaderElection::leader() const {
  if (is_leader()) return LeaderView{options_.name, options_.endpoint, term_};
  if (!seen_ || !seen_->record || seen_->record->leader.name.empty() || seen_->record->boot == boot_)
    return std::nullopt;
  if (core_.now() - seen_->since >= options_.take_after) return std::nullopt;
  return seen_->record->leader;
}

env::Task<std::uint64_t> LeaderElection::wait_to_lead() {
  while (!stopping_ && !is_leader()) static_cast<void>(co_await changed_.wait());
  co_return stopping_ ? 0 : term_;
}

env::Task<void> LeaderElection::wait_to_lose(std::uint64_t term) {
  while (!stopping_ && is_leader() && term_ == term) {
    static_cast<void>(co_await changed_.wait_until(leads_until_));
  }
}

env::Task<void> LeaderElection::run() {
  while (!stopping_) {
    const MonotonicTime begin = core_.now();
    if (is_leader()) {
      co_await keep();
    } else {
      if (term_ != 0) lose();
      co_await look();
    }
    if (stopping_) co_return;
    // Candidates that saw the same change do not all come at the same time.
    const auto jitter = Duration(
        static_cast<std::int64_t>(core_.random_u64() % static_cast<std::uint64_t>(options_.interval.count() / 8 + 1)));
    static_cast<void>(co_await stop_.wait_until(begin + options_.interval - jitter));
  }
}

// One renewal. Whatever comes of it, the lead ends by the clock when none succeeds in time.
env::Task<void> LeaderElection::keep() {
  if (outcome_unknown_) {
    const auto known = co_await read();
    note(known);
    if (!known || !is_leader()) co_return;
    const bool is_mine = seen_->record && seen_->record->boot == boot_ && seen_->record->leader.term == term_;
    if (!is_mine) {
      lose();
      co_return;
    }
    if (seen_->record->renewals == renewals_) leads_until_ = write_sent_ + options_.step_down_after;
    outcome_unknown_ = false;
  }
  note(co_await write(term_));
}

env::Task<void> LeaderElection::look() {
  const bool is_first = !seen_;
  auto result = co_await read();
  if (result && (may_take() || (is_first && was_mine()))) {
    const std::uint64_t term = (seen_->record ? seen_->record->leader.term : 0) + 1;
    result = co_await write(term);
    if (!result && result.error().code == ErrorCode::conflict) result = {};  // another was faster
  }
  note(result);
}

bool LeaderElection::may_take() const noexcept {
  if (!seen_->record || seen_->record->leader.name.empty() || seen_->record->boot == boot_) return true;
  return core_.now() - seen_->since >= options_.take_after;
}

bool LeaderElection::was_mine() const noexcept {
  return seen_->record && seen_->record->leader.name == options_.name &&
         seen_->record->leader.endpoint == options_.endpoint;
}

env::Task<Result<void>> LeaderElection::read() {
  auto snapshot = co_await store_.read(leader_key);
  if (!snapshot) co_return fail_while("read who leads", std::move(snapshot.error()));
  const auto entry = std::ranges::find(snapshot->entries, leader_key, &metastore::KeyValue::key);
  Seen seen{.record = std::nullopt, .modified = 0, .since = core_.now()};
  if (entry != snapshot->entries.end()) {
    WEIR_CO_TRY(seen.record, decode(entry->value));
    seen.modified = entry->modified;
  }
  // What is as it was stays seen since then.
  if (!seen_ || seen_->modified != seen.modified) seen_ = std::move(seen);
  co_return Result<void>{};
}

env::Task<Result<void>> LeaderElection::write(std::uint64_t term) {
  const Record record{.leader = {options_.name, options_.endpoint, term}, .boot = boot_, .renewals = ++renewals_};
  const MonotonicTime sent = core_.now();
  write_sent_ = sent;
  std::vector<metastore::Guard> guards;
  guards.push_back({leader_key, seen_->modified});
  std::vector<metastore::Write> writes;
  writes.push_back({leader_key, encode(record)});
  auto committed = co_await store_.commit(std::move(guards), std::move(writes));
  if (!committed) {
    outcome_unknown_ = committed.error().code != ErrorCode::conflict;
    if (!outcome_unknown_ && term_ == term) lose();  // the key is another's
    co_return fail_while("write who leads", std::move(committed.error()));
  }
  outcome_unknown_ = false;
  seen_ = Seen{.record = record, .modified = *committed, .since = core_.now()};
  // A renewal that came too late does not bring back a term that is over: the next one begins.
  if (term_ == term && !is_leader()) {
    lose();
    co_return Result<void>{};
  }
  const bool is_new = term_ != term;
  term_ = term;
  leads_until_ = sent + options_.step_down_after;
  if (is_new && is_leader()) log_info("election", "this directory leads", {{"name", options_.name}, {"term", term_}});
  changed_.notify_all();
  co_return Result<void>{};
}

env::Task<void> LeaderElection::resign() {
  if (!is_leader() || outcome_unknown_ || !seen_) co_return;
  const Record record{.leader = {"", {}, term_}, .boot = boot_, .renewals = ++renewals_};
  lose();  // before another can know that it may take over
  std::vector<metastore::Guard> guards;
  guards.push_back({leader_key, seen_->modified});
  std::vector<metastore::Write> writes;
  writes.push_back({leader_key, encode(record)});
  if (const auto given = co_await store_.commit(std::move(guards), std::move(writes)); !given) {
    log_warning("election", "the lead could not be given away", {{"error", given.error().message}});
  }
}

void LeaderElection::note(const Result<void>& result) {
  if (result) {
    last_error_.clear();
    return;
  }
  if (last_error_.empty()) {
    log_warning("election", "the metadata store does not say who leads", {{"error", result.error().message}});
  }
  last_error_ = result.error().message;
}

void LeaderElection::lose() {
  if (term_ == 0) return;
  log_warning("election", "this directory does not lead any more", {{"name", options_.name}, {"term", term_}});
  term_ = 0;
  changed_.notify_all();
}

std::string LeaderElection::encode(const Record& record) {
  wire::Leader message;
  message.set_name(record.leader.name);
  message.set_address(record.leader.endpoint.address);
  message.set_port(record.leader.endpoint.port);
  message.set_term(record.leader.term);
  message.set_boot(record.boot);
  message.set_renewals(record.renewals);
  return message.SerializeAsString();
}

Result<LeaderElection::Record> LeaderElection::decode(const std::string& value) {
  wire::Leader message;
  const bool parsed = message.ParseFromArray(value.data(), static_cast<int>(value.size())) &&
                      message.port() <= std::numeric_limits<std::uint16_t>::max();
  if (!parsed) return fail(ErrorCode::corrupt, std::string(leader_key) + " cannot be parsed");
  return Record{.leader = {.name = message.name(),
                           .endpoint = {message.address(), static_cast<std::uint16_t>(message.port())},
                           .term = message.term()},
                .boot = message.boot(),
                .renewals = message.renewals()};
}

}  // namespace weir::directory
