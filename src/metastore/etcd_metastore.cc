#include "metastore/etcd_metastore.h"

#include <algorithm>
#include <utility>

#include "metastore/etcd_client.h"
#include "metastore/etcd_messages.h"
#include "metastore/etcd_watch.h"
#include "metastore/transaction_check.h"
#include "metastore/watch_hub.h"
#include "net/tls/tls.h"

namespace weir::metastore {
namespace {

constexpr int read_attempts_max = 3;
constexpr const char* range_path = "/v3/kv/range";

class EtcdMetastore final : public Metastore {
 public:
  EtcdMetastore(env::Core& core, EtcdOptions options)
      : options_(std::move(options)), client_(core, options_), hub_(core), watch_(core, client_, hub_, options_) {}

  env::Task<Result<void>> open() {
    WEIR_CO_TRY(const Revision revision, co_await newest_revision());
    hub_.restart(revision);
    watch_.start(revision, [this] { return newest_revision(); });
    co_return Result<void>();
  }

  env::Task<Result<Snapshot>> read(std::string prefix) override {
    for (int attempt = 0; attempt < read_attempts_max; ++attempt) {
      auto snapshot = co_await read_pages(options_.prefix + prefix);
      // Compacted under the read: what it began to read is history.
      if (snapshot || snapshot.error().code != ErrorCode::unsupported) co_return snapshot;
    }
    co_return fail(ErrorCode::unavailable, options_.name + ": changes are compacted faster than they can be read");
  }

  env::Task<Result<Revision>> commit(std::vector<Guard> guards, std::vector<Write> writes) override {
    WEIR_CO_CHECK(check_transaction(guards, writes));
    WEIR_CO_CHECK(check_limits(guards, writes));
    const Revision seen = seen_;
    auto answer = co_await client_.post("/v3/kv/txn", etcd_transaction_request(options_.prefix, guards, writes),
                                        EtcdClient::Repeat::forbidden);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    auto transaction = parse_etcd_transaction(*answer);
    Result<void> sound;
    if (transaction) {
      sound = check_header(transaction->header, seen);
    } else {
      sound = std::unexpected(std::move(transaction.error()));
    }
    // Whatever it was that answered so: it may have made the change.
    if (!sound) co_return fail(ErrorCode::unavailable, std::move(sound.error().message));
    if (!transaction->succeeded) {
      co_return fail(ErrorCode::conflict, guards.size() == 1 ? guards[0].key + " has changed" : "a key has changed");
    }
    co_return transaction->header.revision;
  }

  env::Task<Result<std::vector<Change>>> watch(std::string prefix, Revision after) override {
    return hub_.wait(std::move(prefix), after);
  }

  env::Task<void> close() override {
    co_await hub_.close();
    co_await client_.close();
    co_await watch_.close();
  }

 private:
  env::Task<Result<EtcdRange>> range(std::string key, std::string end, std::uint64_t limit, Revision revision) {
    const Revision seen = seen_;
    auto answer =
        co_await client_.post(range_path, etcd_range_request(key, end, limit, revision), EtcdClient::Repeat::allowed);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    WEIR_CO_TRY(EtcdRange range, parse_etcd_range(*answer));
    WEIR_CO_CHECK(check_header(range.header, seen));
    co_return range;
  }

  env::Task<Result<Revision>> newest_revision() {
    WEIR_CO_TRY(const EtcdRange range, co_await range(options_.prefix, "", 1, 0));
    co_return range.header.revision;
  }

  // All entries from `first` on, as they are at the revision of the first page.
  env::Task<Result<Snapshot>> read_pages(std::string prefix) {
    Snapshot snapshot;
    const std::string end = end_of_prefix(prefix);
    std::string next = prefix;
    std::uint32_t page = options_.page_entries;
    for (;;) {
      auto got = co_await range(next, end, page, snapshot.revision);
      if (!got && got.error().code == ErrorCode::limit_exceeded) {
        if (page == 1) co_return fail(ErrorCode::io, std::move(got.error().message));
        page = std::max(1U, page / 4);
        continue;
      }
      if (!got) co_return std::unexpected(std::move(got.error()));
      if (snapshot.revision == 0) snapshot.revision = got->header.revision;
      for (KeyValue& entry : got->entries) {
        if (entry.key < next || !entry.key.starts_with(prefix)) {
          co_return fail(ErrorCode::corrupt, options_.name + " answers with a key that was not asked for");
        }
        next = entry.key + '\0';
        entry.key.erase(0, options_.prefix.size());
        snapshot.entries.push_back(std::move(entry));
      }
      if (!got->more || got->entries.empty()) co_return snapshot;
    }
  }

  [[nodiscard]] Result<void> check_limits(const std::vector<Guard>& guards, const std::vector<Write>& writes) const {
    const std::size_t operations = std::max(guards.size(), writes.size());
    if (operations > options_.operations_max) {
      return fail(ErrorCode::limit_exceeded, options_.name + " takes transactions of at most " +
                                                 std::to_string(options_.operations_max) +
                                                 " operations (--max-txn-ops), not of " + std::to_string(operations));
    }
    const std::uint64_t bytes = etcd_transaction_bytes(options_.prefix, guards, writes);
    if (bytes > options_.request_bytes_max) {
      return fail(ErrorCode::limit_exceeded, options_.name + " takes requests of at most " +
                                                 std::to_string(options_.request_bytes_max) +
                                                 " bytes (--max-request-bytes), not of " + std::to_string(bytes));
    }
    return {};
  }

  // `seen`: the newest revision that was known when the question was asked. Questions go to a majority, which cannot
  // have forgotten it.
  [[nodiscard]] Result<void> check_header(const EtcdHeader& header, Revision seen) {
    if (header.revision == 0) return fail(ErrorCode::corrupt, options_.name + " answers without a revision");
    if (cluster_id_ == 0) cluster_id_ = header.cluster_id;
    if (header.cluster_id != cluster_id_) {
      return fail(ErrorCode::corrupt, options_.name + " is another cluster than before (" +
                                          std::to_string(header.cluster_id) + ", not " + std::to_string(cluster_id_) +
                                          "): the endpoints belong to different ones, or its data was deleted");
    }
    if (header.revision < seen) {
      return fail(ErrorCode::corrupt, options_.name + " went back from revision " + std::to_string(seen) + " to " +
                                          std::to_string(header.revision) + ": its data was lost or restored");
    }
    seen_ = std::max(seen_, header.revision);
    return {};
  }

  const EtcdOptions options_;
  EtcdClient client_;
  WatchHub hub_;
  EtcdWatch watch_;
  Revision seen_ = 0;
  std::uint64_t cluster_id_ = 0;
};

Result<void> check_options(const EtcdOptions& options) {
  const auto refuse = [&options](const char* what) { return fail(ErrorCode::invalid_argument, options.name + what); };
  if (options.endpoints.empty() || options.endpoints.size() > etcd_endpoints_max) return refuse(": 1 to 16 endpoints");
  if (!options.prefix.ends_with('/') || options.prefix.size() > etcd_prefix_bytes_max) {
    return refuse(": the prefix of the keys ends with '/' and has at most 256 bytes");
  }
  if (options.request_timeout <= Duration{} || options.watch_check_interval <= Duration{}) {
    return refuse(": times must be more than 0");
  }
  if (options.operations_max == 0 || options.request_bytes_max == 0 || options.page_entries == 0) {
    return refuse(": limits must be more than 0");
  }
  return {};
}

}  // namespace

env::Task<Result<std::unique_ptr<Metastore>>> open_etcd_metastore(env::Core& core, EtcdOptions options) {
  WEIR_CO_CHECK(check_options(options));
  auto store = std::make_unique<EtcdMetastore>(core, std::move(options));
  if (auto opened = co_await store->open(); !opened) {
    co_await store->close();
    co_return fail_while("metadata store", std::move(opened.error()));
  }
  co_return std::unique_ptr<Metastore>(std::move(store));
}

}  // namespace weir::metastore
