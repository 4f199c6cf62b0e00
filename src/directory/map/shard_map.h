// ShardMap: the versioned, immutable table that routes every request: streams, shards, hash ranges, lanes, limits.
//
// A map is built by the directory and published whole; whoever holds one may read it from any core for as long as it
// holds the pointer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/hash_key.h"
#include "base/ids.h"
#include "base/time.h"

namespace weir::directory {

enum class StreamStatus : std::uint8_t { creating, active, updating, deleting };
enum class StreamMode : std::uint8_t { provisioned, on_demand };

// Streams are named within an account and a Region.
struct StreamScope {
  std::string account;  // 12 digits
  std::string region;
  friend auto operator<=>(const StreamScope&, const StreamScope&) = default;
};

struct Shard {
  ShardIndex index;
  HashKey first_hash;  // inclusive
  HashKey last_hash;   // inclusive
  std::optional<ShardIndex> parent;
  std::optional<ShardIndex> adjacent_parent;
  std::vector<ShardIndex> children;  // after a split or merge
  WallTime created;
  std::optional<WallTime> closed;  // after every record's arrival and its parents' end; the same for merged parents
  LaneId lane;
  [[nodiscard]] bool is_open() const noexcept { return !closed.has_value(); }
  friend bool operator==(const Shard&, const Shard&) = default;
};

struct Stream {
  StreamId id;
  StreamScope scope;
  std::string name;
  StreamStatus status = StreamStatus::creating;
  StreamMode mode = StreamMode::provisioned;
  WallTime created;
  std::uint32_t retention_hours = 24;
  std::uint32_t record_bytes_max = 1048576;
  std::vector<Shard> shards;                // not expired, rising index
  std::vector<std::uint32_t> open_by_hash;  // positions in `shards` of the open ones, by rising hash range
  std::map<std::string, std::string> tags;

  // The open shard that owns `key`; null when there is none (the stream is being created).
  [[nodiscard]] const Shard* open_shard_for(HashKey key) const noexcept;
  [[nodiscard]] const Shard* find_shard(ShardIndex index) const noexcept;
  [[nodiscard]] std::size_t open_shard_count() const noexcept { return open_by_hash.size(); }
  [[nodiscard]] ShardKey key_of(const Shard& shard) const noexcept { return {id, shard.index}; }
  friend bool operator==(const Stream&, const Stream&) = default;
};

// Who serves a lane: the node that claimed its newest epoch.
struct LaneOwner {
  std::string node;
  std::string address;  // numeric
  std::uint16_t port = 0;
  Epoch epoch;
  friend bool operator==(const LaneOwner&, const LaneOwner&) = default;
};

// A named group of front ends and the accounts that it serves.
struct Fleet {
  std::set<std::string> accounts;
  bool serves_all_others = false;  // the accounts that no fleet names
  // Accounts that are another's now. It goes on serving them for a while, so that there is no moment at which nobody
  // does. None of `accounts`.
  std::set<std::string> leaving;
  friend bool operator==(const Fleet&, const Fleet&) = default;
};

// An access key as the directory knows it: whose it is, not its secret.
struct SealedCredential {
  std::string account;              // 12 digits
  std::optional<WallTime> expires;  // whole milliseconds
  std::string sealed;               // opaque here: encrypted, only front ends can open it
  friend bool operator==(const SealedCredential&, const SealedCredential&) = default;
};

inline constexpr std::size_t token_key_bytes = 32;
using TokenKey = std::array<std::byte, token_key_bytes>;

struct MapId {
  std::uint64_t term = 0;
  std::uint64_t version = 0;
  friend auto operator<=>(const MapId&, const MapId&) = default;
};

class ShardMap {
 public:
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  // Which leader of the directory fleet built it; 0 in a process that is alone. Maps are ordered by term, then version.
  [[nodiscard]] std::uint64_t term() const noexcept { return term_; }
  [[nodiscard]] MapId id() const noexcept { return {term_, version_}; }
  // How this map differs in its streams from the one of version based_on(): those that are new, changed or gone. Who
  // holds that very map need look at these only; who does not looks at all().
  [[nodiscard]] std::uint64_t based_on() const noexcept { return based_on_; }
  [[nodiscard]] const std::vector<StreamId>& changed() const noexcept { return changed_; }
  // Null when there is no such stream.
  [[nodiscard]] std::shared_ptr<const Stream> find(std::string_view account, std::string_view region,
                                                   std::string_view name) const;
  [[nodiscard]] std::shared_ptr<const Stream> find(StreamId id) const;
  // Streams of one scope by rising name (bytewise); null when the scope has none. The keys are the streams' own names.
  using StreamsByName = absl::btree_map<std::string_view, std::shared_ptr<const Stream>>;
  [[nodiscard]] const StreamsByName* streams_of(const StreamScope& scope) const;
  [[nodiscard]] const absl::btree_map<StreamId, std::shared_ptr<const Stream>>& all() const noexcept { return by_id_; }
  // Null while nobody has claimed the lane, and always in a process that holds all lanes itself. Valid as long as the
  // map.
  [[nodiscard]] const LaneOwner* owner(LaneId lane) const noexcept;
  using OwnersByLane = absl::btree_map<LaneId, std::shared_ptr<const LaneOwner>>;
  [[nodiscard]] const OwnersByLane& owners() const noexcept { return owners_; }
  // Fleets by name; empty: every fleet serves every account.
  using FleetsByName = absl::btree_map<std::string, std::shared_ptr<const Fleet>>;
  [[nodiscard]] const FleetsByName& fleets() const noexcept { return fleets_; }
  // By access key id.
  using CredentialsById = absl::btree_map<std::string, std::shared_ptr<const SealedCredential>>;
  [[nodiscard]] const CredentialsById& credentials() const noexcept { return *credentials_; }
  // For sealing tokens: the same on every front end and for ever. Empty where tokens are of no concern.
  [[nodiscard]] const std::optional<TokenKey>& token_key() const noexcept { return token_key_; }

 private:
  friend class ShardMapBuilder;
  std::uint64_t term_ = 0;
  std::uint64_t version_ = 0;
  std::uint64_t based_on_ = 0;
  std::vector<StreamId> changed_;
  std::map<StreamScope, StreamsByName> by_name_;
  absl::btree_map<StreamId, std::shared_ptr<const Stream>> by_id_;
  OwnersByLane owners_;
  FleetsByName fleets_;
  // Shared by maps between which no credential changed.
  std::shared_ptr<const CredentialsById> credentials_ = std::make_shared<const CredentialsById>();
  std::optional<TokenKey> token_key_;
};

using ShardMapPointer = std::shared_ptr<const ShardMap>;

}  // namespace weir::directory
