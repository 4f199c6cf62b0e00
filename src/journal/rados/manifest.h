// Manifest: the one object that says which objects make up a lane. Its epoch is the lane's: whoever cannot write it any
// more is fenced. Because of it the pool never needs to be listed.
//
// Entries:
//   format                         "1"
//   segment.<20 digits>            "open <object> <capacity>": bytes may be added, its length is the object's
//                                  "sealed <object> <length>": nobody writes the object any more
//   garbage.<object>               "": may exist, belongs to nobody; its name is never used again
// An object is garbage first, then made, then a segment; and a segment, then garbage, then removed. So nothing is lost
// track of, wherever the owner stops, and a stale owner's removals can hit nothing that counts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "env/task.h"
#include "env/turn.h"
#include "journal/rados/guarded_object.h"

namespace weir::journal {

inline constexpr std::size_t manifest_entries_max = 1'000'000;

struct SegmentEntry {
  bool is_sealed = false;
  std::string object;
  std::uint64_t bytes = 0;  // sealed: its length; open: the capacity that was asked for
  friend bool operator==(const SegmentEntry&, const SegmentEntry&) = default;
};

[[nodiscard]] std::string segment_key(SegmentNumber number);
[[nodiscard]] std::string encode_segment_entry(const SegmentEntry& entry);
// Errors: corrupt.
[[nodiscard]] Result<SegmentEntry> parse_segment_entry(std::string_view value);
[[nodiscard]] std::string garbage_key(std::string_view object);

struct ManifestContent {
  std::map<SegmentNumber, SegmentEntry> segments;
  std::vector<std::string> garbage;
};
// Errors: unsupported, corrupt.
[[nodiscard]] Result<ManifestContent> parse_manifest(const std::map<std::string, std::string>& entries);

struct ManifestChange {
  std::map<std::string, std::string> set;
  std::vector<std::string> remove;
};

// Belongs to the writer's core. Calls may overlap; they are done one after the other.
class Manifest {
 public:
  Manifest(ObjectWriter& writer, std::string object);

  // Claims the writer's epoch and reads the entries. Once, before anything else. Errors: fenced when the lane was
  // opened under this epoch or a higher one; corrupt, unsupported, io, no_space, limit_exceeded.
  [[nodiscard]] env::Task<Result<ManifestContent>> open();
  // All of `change` or, after an error, none of it: what an error leaves in doubt is undone by the next change.
  // Errors: fenced, io, no_space, corrupt.
  [[nodiscard]] env::Task<Result<void>> change(ManifestChange change);
  // Whether the stored value of an entry may be another than the changes that succeeded made it.
  [[nodiscard]] bool is_in_doubt(const std::string& key) const { return doubtful_.contains(key); }
  // Undoes what is in doubt. After this the entries are exactly those of the changes that succeeded. Errors: as change.
  [[nodiscard]] env::Task<Result<void>> settle();
  // Errors: fenced when a newer owner has the lane; io, corrupt.
  [[nodiscard]] env::Task<Result<void>> check_owner();

 private:
  [[nodiscard]] env::Task<Result<void>> claim();
  [[nodiscard]] env::Task<Result<void>> read_entries();
  [[nodiscard]] env::Task<Result<void>> write(ManifestChange change);

  ObjectWriter& writer_;
  GuardedObject object_;
  std::map<std::string, std::string> entries_;  // by the changes that succeeded
  std::set<std::string> doubtful_;              // keys whose stored value may be another
  env::Turn turn_;
};

}  // namespace weir::journal
