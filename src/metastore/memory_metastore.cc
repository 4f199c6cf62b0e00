#include "metastore/memory_metastore.h"

#include <utility>

#include "metastore/transaction_check.h"
#include "metastore/watch_hub.h"

namespace weir::metastore {
namespace {

class MemoryMetastore final : public Metastore {
 public:
  MemoryMetastore(env::Core& core, std::shared_ptr<MemoryMetastoreContent> content, MemoryMetastoreOptions options)
      : core_(core), content_(std::move(content)), options_(std::move(options)), hub_(core) {
    hub_.restart(content_->revision);
  }

  env::Task<Result<Snapshot>> read(std::string prefix) override {
    co_await delay();
    switch (fault(MetastoreCall::read)) {
      case MetastoreFault::none: break;
      case MetastoreFault::refused: co_return fail(ErrorCode::io, "injected: read failed");
      case MetastoreFault::lost_before:
      case MetastoreFault::lost_after: co_return fail(ErrorCode::unavailable, "injected: no answer");
    }
    Snapshot snapshot{.entries = {}, .revision = content_->revision};
    for (auto entry = content_->entries.lower_bound(prefix);
         entry != content_->entries.end() && entry->first.starts_with(prefix); ++entry) {
      snapshot.entries.push_back(entry->second);
    }
    co_return snapshot;
  }

  env::Task<Result<Revision>> commit(std::vector<Guard> guards, std::vector<Write> writes) override {
    WEIR_CO_CHECK(check_transaction(guards, writes));
    co_await delay();
    const MetastoreFault happens = fault(MetastoreCall::commit);
    if (happens == MetastoreFault::refused) co_return fail(ErrorCode::no_space, "injected: no space");
    if (happens == MetastoreFault::lost_before) co_return fail(ErrorCode::unavailable, "injected: request lost");
    for (const Guard& guard : guards) {
      const auto entry = content_->entries.find(guard.key);
      const Revision modified = entry == content_->entries.end() ? 0 : entry->second.modified;
      if (modified != guard.modified) co_return fail(ErrorCode::conflict, guard.key + " has changed");
    }
    apply(std::move(writes));
    if (happens == MetastoreFault::lost_after) co_return fail(ErrorCode::unavailable, "injected: answer lost");
    co_return content_->revision;
  }

  env::Task<Result<std::vector<Change>>> watch(std::string prefix, Revision after) override {
    return hub_.wait(std::move(prefix), after);
  }

  env::Task<void> close() override { return hub_.close(); }

 private:
  env::Task<void> delay() {
    if (options_.latency > Duration{}) {
      co_await core_.sleep_for(options_.latency);
    } else {
      co_await core_.yield();
    }
  }

  [[nodiscard]] MetastoreFault fault(MetastoreCall call) const {
    return options_.fault ? options_.fault(call) : MetastoreFault::none;
  }

  void apply(std::vector<Write> writes) {
    const Revision next = content_->revision + 1;
    std::vector<Change> changes;
    for (Write& write : writes) {
      if (write.value) {
        content_->entries[write.key] = {write.key, *write.value, next};
      } else if (content_->entries.erase(write.key) == 0) {
        continue;
      }
      changes.push_back({std::move(write.key), std::move(write.value), next});
    }
    if (changes.empty()) return;
    content_->revision = next;
    hub_.publish(std::move(changes));
  }

  env::Core& core_;
  std::shared_ptr<MemoryMetastoreContent> content_;
  MemoryMetastoreOptions options_;
  WatchHub hub_;
};

}  // namespace

std::unique_ptr<Metastore> make_memory_metastore(env::Core& core, std::shared_ptr<MemoryMetastoreContent> content,
                                                 MemoryMetastoreOptions options) {
  return std::make_unique<MemoryMetastore>(core, std::move(content), std::move(options));
}

}  // namespace weir::metastore
