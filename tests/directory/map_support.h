// Shard maps for tests: they grow by chance, as a directory's do.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "directory/map/shard_map.h"
#include "directory/map/shard_map_builder.h"
#include "env/sim/seeded_random.h"

namespace weir::directory::test {

// A stream with `shards` open shards on lanes of one cell.
[[nodiscard]] std::shared_ptr<Stream> make_stream(std::uint64_t id, std::string account, std::string name,
                                                  std::uint32_t shards, std::uint32_t cell = 0);

// Makes map after map, each from the one before: streams come, change, split and go, names are given again, lanes
// change hands, credentials come, change and go, and, rarely, accounts go from fleet to fleet.
class GrowingMap {
 public:
  explicit GrowingMap(std::uint64_t seed, std::uint64_t term = 1);

  [[nodiscard]] const ShardMapPointer& map() const noexcept { return map_; }
  // The next one, of a version a little above.
  const ShardMapPointer& grow(std::uint32_t changes = 1);
  // The next ones are a new leader's: built anew, of a higher term, sharing nothing.
  const ShardMapPointer& change_leader();

 private:
  void change(ShardMapBuilder& builder);
  void change_credential(ShardMapBuilder& builder);
  void add_stream(ShardMapBuilder& builder);
  void change_stream(ShardMapBuilder& builder, const Stream& stream);
  [[nodiscard]] std::shared_ptr<const Stream> any_stream(const ShardMapBuilder& builder);

  env::SeededRandom random_;
  ShardMapPointer map_;
  std::uint64_t next_stream_ = 1;
};

}  // namespace weir::directory::test
