// FleetCallRates: call rates of a whole fleet. The leader of the directory fleet counts
// (directory/rates/rate_ledger.h); a front end asks it for the calls that wait, in one request for all of them, one
// request at a time, and in the long run one in ask_interval: a few may come in a row, so that a call seldom waits for
// what another subject just asked. What the directory refused is refused here for as long as it told, without asking.
// So what a directory gets to do depends on the number of front ends and on the rates, not on how often a client calls.
// Each core remembers that, too: who calls too often on one does not wake the home core with every call.
//
// Without a directory a front end goes by its share: the rate divided by the number of front ends, as the directory
// told it last. A call waits for the directory for wait_max at most, and not at all when it was out of reach a moment
// ago. What was admitted by share is told to the directory as soon as it can be asked, and it counts it. A front end
// that comes back goes by its share for as long again as it was away, a second at most: by then the others have told
// what they admitted.
//
// Threading: belongs to the core `home`; admit() may be called on any core.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "directory/rates/rate_messages.h"
#include "env/event.h"
#include "env/network.h"
#include "env/task_group.h"
#include "frontend/call_rates.h"
#include "frontend/subject_table.h"
#include "model/rate_window.h"
#include "net/rpc_connection.h"

namespace weir::frontend {

struct FleetCallRatesOptions {
  std::string process;  // unique among the front ends
  std::string fleet;
  std::vector<env::Endpoint> directories;
  Duration wait_max = milliseconds(100);  // of a call for the directory
  std::uint32_t front_ends_assumed = 10;  // before the directory has told how many there are
  std::size_t waiting_max = 8'192;        // calls; more go by the share
  SubjectTableOptions subjects;
  std::uint32_t cores = 0;  // of the process: those with a smaller index remember; the others always ask home
};

class FleetCallRates final : public CallRates {
 public:
  FleetCallRates(env::Core& home, net::ConnectToPeer connect, FleetCallRatesOptions options, CallRateMetrics& metrics);
  ~FleetCallRates() override;  // after stop(), if start() was called

  // On home.
  void start();
  // On home, when no call comes any more. Those that wait go by the share.
  [[nodiscard]] env::Task<void> stop();

  [[nodiscard]] env::Task<bool> admit(env::Core& caller, std::string subject, std::uint32_t calls_per_second) override;

 private:
  enum class Mode : std::uint8_t {
    asking,    // calls wait for the directory
    apart,     // no directory answers: calls go by the share
    settling,  // one answers again: calls go by the share until settled_at_
  };
  struct Entry {
    model::RateWindow admitted;   // here, by grant or share
    MonotonicTime refused_until;  // as the directory told
    std::uint32_t calls_per_second = 1;
    std::uint32_t unreported = 0;  // admitted by share, and not told to the directory yet

    [[nodiscard]] bool release_if_idle(MonotonicTime now) { return admitted.release_if_idle(now); }
  };
  // What a core other than home remembers of a subject.
  struct Told {
    MonotonicTime refused_until;

    [[nodiscard]] bool release_if_idle(MonotonicTime now) const { return refused_until <= now; }
  };
  // The calls of one subject in a batch.
  struct Calls {
    std::uint32_t calls_per_second = 1;
    std::uint32_t wanted = 0;
    std::uint32_t granted = 0;
    bool by_share = false;
  };
  // What is asked in one request.
  struct Batch {
    explicit Batch(env::Core& core) : done(core) {}
    enum class State : std::uint8_t { waiting, answered, by_share };
    State state = State::waiting;
    absl::flat_hash_map<std::string, Calls> subjects;  // at most rate_subjects_per_ask_max
    env::Event done;
  };

  [[nodiscard]] SubjectTable<Told>* told_of(const env::Core& caller) noexcept;
  [[nodiscard]] bool is_asking(MonotonicTime now) noexcept;
  [[nodiscard]] env::Task<bool> decide(std::string subject, std::uint32_t calls_per_second);
  [[nodiscard]] env::Task<std::optional<bool>> wait_for_grant(std::string subject, std::uint32_t calls_per_second);
  [[nodiscard]] bool admit_by_share(const std::string& subject, std::uint32_t calls_per_second);
  [[nodiscard]] std::shared_ptr<Batch> batch_for(const std::string& subject);

  [[nodiscard]] env::Task<void> run();
  [[nodiscard]] MonotonicTime next_ask();
  [[nodiscard]] env::Task<void> ask();
  [[nodiscard]] directory::RatesAsk compose(const Batch* batch);
  [[nodiscard]] env::Task<Result<directory::RatesAnswer>> send(const directory::RatesAsk& ask, MonotonicTime deadline);
  [[nodiscard]] env::Task<Result<directory::RatesAnswer>> send_to(env::Endpoint directory,
                                                                  const directory::RatesAsk& ask,
                                                                  MonotonicTime deadline);
  void take(const directory::RatesAsk& ask, const directory::RatesAnswer& answer, Batch* batch);
  void take_grants(const directory::RatesAsk& ask, const directory::RatesAnswer& answer, Batch& batch);
  void go_apart(std::string_view reason);
  void come_back(MonotonicTime settled_at);
  static void end(Batch& batch, Batch::State state);
  void end_all_by_share();
  void disconnect();

  env::Core& home_;
  net::ConnectToPeer connect_;
  const FleetCallRatesOptions options_;
  CallRateMetrics& metrics_;

  std::vector<SubjectTable<Told>> told_;  // by core, and each used on it alone
  SubjectTable<Entry> subjects_;
  absl::flat_hash_set<std::string> unreported_;  // subjects
  std::deque<std::shared_ptr<Batch>> gathered_;  // to be asked for; the last one takes more
  std::size_t waiting_ = 0;
  std::uint32_t front_ends_;

  Mode mode_ = Mode::apart;
  bool was_asking_ever_ = false;
  MonotonicTime apart_since_;
  MonotonicTime settled_at_;
  MonotonicTime next_probe_;
  MonotonicTime last_ask_;
  MonotonicTime evenly_asked_until_;  // where the asks so far would end if each had taken ask_interval

  std::unique_ptr<net::RpcConnection> connection_;
  env::Endpoint connected_to_;
  std::optional<env::Endpoint> leader_;
  std::size_t turn_ = 0;  // which directory to try next when no leader is known

  env::Event work_;
  env::TaskGroup tasks_;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace weir::frontend
