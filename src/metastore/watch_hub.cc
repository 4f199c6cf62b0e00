#include "metastore/watch_hub.h"

#include <algorithm>

namespace weir::metastore {
namespace {

std::size_t size_of(const Change& change) noexcept {
  return sizeof(Change) + change.key.size() + (change.value ? change.value->size() : 0);
}

}  // namespace

void WatchHub::restart(Revision revision) {
  if (revision == latest_) return;  // nothing was missed
  history_.clear();
  history_bytes_ = 0;
  known_after_ = revision;
  latest_ = revision;
  changed_.notify_all();
}

void WatchHub::publish(std::vector<Change> changes) {
  for (Change& change : changes) {
    WEIR_ASSERT(change.revision >= latest_);
    latest_ = change.revision;
    history_bytes_ += size_of(change);
    history_.push_back(std::move(change));
  }
  while (history_.size() > history_changes_max || history_bytes_ > history_bytes_max) {
    known_after_ = history_.front().revision;
    history_bytes_ -= size_of(history_.front());
    history_.pop_front();
  }
  changed_.notify_all();
}

env::Task<Result<std::vector<Change>>> WatchHub::wait(std::string prefix, Revision after) {
  const auto by_revision = [](const Change& change) { return change.revision; };
  ++waiting_;
  Result<std::vector<Change>> found = fail(ErrorCode::closed, "the metadata store is closed");
  while (!closed_) {
    if (after < known_after_) {
      found = fail(ErrorCode::unsupported, "changes this old are no longer known; read again");
      break;
    }
    std::vector<Change> matches;
    const auto first = std::ranges::upper_bound(history_, after, {}, by_revision);
    for (auto change = first; change != history_.end(); ++change) {
      if (change->key.starts_with(prefix)) matches.push_back(*change);
    }
    if (!matches.empty()) {
      found = std::move(matches);
      break;
    }
    after = std::max(after, latest_);  // nothing so far concerns this watcher: do not look at it again
    co_await changed_.wait();
  }
  if (--waiting_ == 0) left_.notify_all();
  co_return found;
}

env::Task<void> WatchHub::close() {
  closed_ = true;
  changed_.notify_all();
  while (waiting_ != 0) co_await left_.wait();
}

}  // namespace weir::metastore
