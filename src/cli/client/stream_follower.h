// StreamFollower: reads every shard of a stream in an order that keeps each partition key's own: a shard's children are
// read from their beginning, and only once all their parents have been read to their end.
//
// It asks each shard at most five times a second, all of them over one connection. Its position in each shard is the
// last record handed on, so that it outlives iterators and servers.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/client/backoff.h"
#include "cli/client/kinesis_client.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/get_shard_iterator.h"
#include "kinesis/shapes/list_shards.h"

namespace weir::cli {

// Gets what is read, in the order of each shard.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // `records` are at least one and live until the task ends. An error ends the following.
  [[nodiscard]] virtual env::Task<Result<void>> take(std::string_view shard_id,
                                                     const std::vector<kinesis::Record>& records) = 0;
};

struct FollowOptions {
  std::string stream;
  bool from_start = false;       // from the oldest record kept, otherwise from now on
  bool until_caught_up = false;  // end once every shard has been read to its tip
};

// Belongs to its client's core. The memory it takes: one answer of GetRecords, and a name for each shard it has met.
class StreamFollower {
 public:
  // What is passed by reference outlives the follower. The client should have endless patience.
  StreamFollower(KinesisClient& client, RecordSink& sink, FollowOptions options);

  // Returns when interrupted, or when there is nothing more to read. A stream that is being created is waited for.
  // Errors: those of the sink; not_found when the stream is not there (any more); what else the API refuses. Call once.
  [[nodiscard]] env::Task<Result<void>> run();

 private:
  struct ShardState {
    explicit ShardState(env::Core& core) noexcept : backoff(core) {}

    std::vector<std::string> parents;  // that are still to be read to their end before this one is begun
    bool from_latest = false;          // start at the tip instead of at the beginning
    bool is_caught_up = false;
    std::string iterator;          // empty: to be got
    bool iterator_is_new = false;  // it has not been used with success
    std::string last_number;       // of the last record handed on; empty: none yet
    WallTime latest_since;         // when the tip was first asked for
    MonotonicTime due{};
    std::uint32_t failures = 0;  // in a row
    Backoff backoff;
  };
  using Shards = std::map<std::string, ShardState, std::less<>>;  // by id; a parent's is lower than its children's
  using Outcome = std::expected<void, CallError>;

  [[nodiscard]] env::Task<Outcome> list_first_shards();
  [[nodiscard]] env::Task<std::expected<std::vector<kinesis::Shard>, CallError>> list_shards(
      kinesis::ShardFilterType filter);
  void add(const std::string& id, std::vector<std::string> parents);
  void add_newer(const std::vector<kinesis::Shard>& listed);
  void finish(Shards::iterator shard);
  [[nodiscard]] bool is_done() const noexcept;
  [[nodiscard]] Shards::iterator next_due();

  [[nodiscard]] env::Task<Result<void>> advance(Shards::iterator shard);
  [[nodiscard]] env::Task<Outcome> get_iterator(Shards::iterator shard);
  [[nodiscard]] env::Task<Result<void>> take(Shards::iterator shard, const kinesis::GetRecordsOutput& output);
  [[nodiscard]] env::Task<Outcome> recover(Shards::iterator shard, CallError error);
  [[nodiscard]] env::Task<Outcome> look_for_successors(Shards::iterator shard, CallError error);

  KinesisClient& client_;
  env::Core& core_;
  RecordSink& sink_;
  FollowOptions options_;
  Shards shards_;                             // that are being read or will be
  std::set<std::string, std::less<>> ended_;  // that were read to their end
  std::string
      newest_at_first_;  // the highest id of the first listing: what is above it was made since, and is to be read
};

}  // namespace weir::cli
