#include "metastore/etcd_watch.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace weir::metastore {
namespace {

constexpr Duration pause_min = milliseconds(50);  // between two streams
constexpr Duration pause_max = seconds(2);
// So much later than a read may the stream show what the read has shown.
constexpr Duration stream_lag_max = milliseconds(500);
constexpr std::uint16_t status_ok = 200;
constexpr std::size_t quoted_answer_bytes_max = 200;

}  // namespace

EtcdWatch::EtcdWatch(env::Core& core, EtcdClient& client, WatchHub& hub, const EtcdOptions& options)
    : core_(core), client_(client), hub_(hub), options_(options), stop_(core), tasks_(core) {}

void EtcdWatch::start(Revision known, NewestRevision newest) {
  known_ = known;
  newest_ = std::move(newest);
  tasks_.spawn(run());
}

env::Task<void> EtcdWatch::close() {
  closed_ = true;
  if (stream_ != nullptr) stream_->close();
  stop_.notify_all();
  co_await tasks_.wait();
}

env::Task<void> EtcdWatch::run() {
  Duration pause = pause_min;
  while (!closed_) {
    const std::size_t endpoint = client_.endpoint();
    const Result<void> ended = co_await follow(endpoint);
    if (closed_) break;
    const bool fell_silent = created_ && ended.error().code == ErrorCode::timeout;
    if (must_skip_) {
      co_await skip_lost_history();
    } else if (!fell_silent) {
      report(endpoint, ended.error());
      client_.leave(endpoint);
    }
    pause = created_ ? pause_min : std::min(pause * 2, pause_max);
    const auto spread = static_cast<std::uint64_t>(pause.count() / 2);
    co_await stop_.wait_until(core_.now() + pause / 2 + Duration(core_.random_u64() % spread));
  }
}

void EtcdWatch::report(std::size_t endpoint, const Error& error) {
  if (failing_) return;
  failing_ = true;
  log_warning("metastore", "lost the watch, trying again",
              {{"store", options_.name},
               {"endpoint", to_string(options_.endpoints[endpoint])},
               {"reason", error.message},
               {"known_revision", known_}});
}

env::Task<Result<void>> EtcdWatch::follow(std::size_t endpoint) {
  net::HttpStream stream(core_, client_.http_options(endpoint));
  stream_ = &stream;
  received_.clear();
  pending_.clear();
  pending_bytes_ = 0;
  awaited_ = 0;
  created_ = false;
  must_skip_ = false;
  Result<void> ended = co_await open(stream);
  if (ended) ended = co_await read_messages(stream);
  stream_ = nullptr;
  co_return ended;
}

env::Task<Result<void>> EtcdWatch::open(net::HttpStream& stream) {
  next_check_ = core_.now() + options_.request_timeout;
  // A member that is cut off from its leader would take the watch and show nothing; so asked, it refuses or ends it.
  net::HttpClientRequest request{.method = "POST",
                                 .target = "/v3/watch",
                                 .headers = {{"Grpc-Metadata-hasleader", "true"}},
                                 .body = etcd_watch_request(options_.prefix, known_ + 1)};
  WEIR_CO_CHECK(co_await stream.open(std::move(request), next_check_));
  if (stream.status() == status_ok) co_return Result<void>();
  const auto answer = co_await stream.read(next_check_);
  const std::string text = answer ? answer->substr(0, quoted_answer_bytes_max) : answer.error().message;
  co_return fail(ErrorCode::unavailable, "answered " + std::to_string(stream.status()) + ": " + text);
}

env::Task<Result<void>> EtcdWatch::read_messages(net::HttpStream& stream) {
  for (;;) {
    const auto piece = co_await stream.read(next_check_);
    if (piece) {
      if (piece->empty()) co_return fail(ErrorCode::closed, "etcd has ended the watch");
      received_.append(*piece);
      WEIR_CO_TRY(const bool whole, take_lines());
      if (!whole) continue;
      awaited_ = 0;
      next_check_ = core_.now() + options_.watch_check_interval;
    } else if (piece.error().code != ErrorCode::timeout) {
      co_return std::unexpected(piece.error());
    } else if (!created_) {
      co_return fail(ErrorCode::timeout, "etcd does not begin the watch");
    } else {
      WEIR_CO_CHECK(co_await check_silence());
    }
  }
}

// Nothing has come for a while. Either nothing has changed, or the connection is dead and nobody says so.
env::Task<Result<void>> EtcdWatch::check_silence() {
  if (awaited_ > known_) {
    co_return fail(ErrorCode::timeout,
                   "silent at revision " + std::to_string(known_) + ", etcd is at " + std::to_string(awaited_));
  }
  const Result<Revision> newest = co_await newest_();
  if (!newest) {
    // The stream may be good all the same; while nobody answers, another one would not come about either.
    report(client_.endpoint(), newest.error());
    next_check_ = core_.now() + options_.watch_check_interval;
    co_return Result<void>();
  }
  if (std::exchange(failing_, false)) log_info("metastore", "etcd answers again", {{"store", options_.name}});
  awaited_ = *newest > known_ ? *newest : 0;
  next_check_ = core_.now() + (awaited_ != 0 ? stream_lag_max : options_.watch_check_interval);
  co_return Result<void>();
}

// True when at least one message was whole.
Result<bool> EtcdWatch::take_lines() {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = received_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    WEIR_TRY(EtcdWatchMessage message,
             parse_etcd_watch_message(std::string_view(received_).substr(begin, end - begin)));
    WEIR_CHECK(take(std::move(message)));
  }
  received_.erase(0, begin);
  if (received_.size() > etcd_answer_bytes_max) {
    must_skip_ = true;
    return fail(ErrorCode::limit_exceeded, "a change too large to be followed");
  }
  return begin != 0;
}

Result<void> EtcdWatch::take(EtcdWatchMessage message) {
  if (message.canceled) {
    must_skip_ = message.compact_revision != 0;
    return fail(ErrorCode::unavailable,
                must_skip_ ? "etcd's history begins at revision " + std::to_string(message.compact_revision)
                           : "etcd ends the watch: " + message.cancel_reason);
  }
  if (message.created) {
    created_ = true;
    if (std::exchange(failing_, false)) log_info("metastore", "watches again", {{"store", options_.name}});
    return {};
  }
  const bool is_progress = message.changes.empty() && !message.is_fragment;
  for (Change& change : message.changes) WEIR_CHECK(add_change(std::move(change)));
  publish(!message.is_fragment);
  // etcd says so only to a watch that has been given everything up to there.
  if (is_progress) known_ = std::max(known_, message.header.revision);
  return {};
}

Result<void> EtcdWatch::add_change(Change change) {
  if (!change.key.starts_with(options_.prefix) || change.key.size() == options_.prefix.size()) {
    return fail(ErrorCode::corrupt, "etcd shows a change that was not asked for");
  }
  if (change.revision <= known_) return {};
  if (!pending_.empty() && change.revision < pending_.back().revision) {
    return fail(ErrorCode::corrupt, "etcd shows changes out of order");
  }
  pending_bytes_ += change.key.size() + (change.value ? change.value->size() : 0);
  if (pending_bytes_ > etcd_answer_bytes_max) {
    must_skip_ = true;
    return fail(ErrorCode::limit_exceeded, "changes too large to be followed");
  }
  change.key.erase(0, options_.prefix.size());
  pending_.push_back(std::move(change));
  return {};
}

// Hands over what is pending; the changes of its last revision only when that is whole.
void EtcdWatch::publish(bool also_last_revision) {
  if (pending_.empty()) return;
  const auto end = also_last_revision
                       ? pending_.end()
                       : std::ranges::lower_bound(pending_, pending_.back().revision, {}, &Change::revision);
  if (end == pending_.begin()) return;
  std::vector<Change> rest(std::make_move_iterator(end), std::make_move_iterator(pending_.end()));
  pending_.erase(end, pending_.end());
  known_ = pending_.back().revision;
  hub_.publish(std::exchange(pending_, std::move(rest)));
  pending_bytes_ = 0;
  for (const Change& change : pending_) pending_bytes_ += change.key.size() + (change.value ? change.value->size() : 0);
}

env::Task<void> EtcdWatch::skip_lost_history() {
  const Result<Revision> newest = co_await newest_();
  if (!newest) co_return;  // the next stream will come to the same place
  log_warning("metastore", "missed changes; who watches must read again",
              {{"store", options_.name}, {"known_revision", known_}, {"revision", *newest}});
  known_ = *newest;
  hub_.restart(known_);
}

}  // namespace weir::metastore
