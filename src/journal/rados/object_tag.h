// ObjectTag: the attribute that makes every write of an object exact. Each write names the tag that it expects and sets
// one that was never used before, so a write whose answer got lost can be told from one that never happened, and one
// that was given up cannot take effect once another has.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "journal/rados/object_pool.h"

namespace weir::journal {

struct ObjectTag {
  Epoch epoch;
  std::uint64_t owner = 0;    // random, of one opening of a store
  std::uint64_t counter = 0;  // rises with every tag that the owner gives out
  friend bool operator==(const ObjectTag&, const ObjectTag&) = default;
};

// "7-00c0ffee00c0ffee-12"
[[nodiscard]] std::string to_string(const ObjectTag& tag);
// Empty when `text` is not exactly what to_string makes.
[[nodiscard]] std::optional<ObjectTag> parse_object_tag(std::string_view text);
// A decimal number without sign, leading zeros or anything around it.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept;

// An object's attributes, understood.
struct ObjectOwner {
  Epoch epoch;
  ObjectTag tag;
};
// Errors: corrupt.
[[nodiscard]] Result<ObjectOwner> parse_owner(const ObjectState& state);

// What the attributes of an object say about a write whose outcome is not known. `mine`: the writer's epoch and random
// number, and the first tag counter of the attempts of this very write.
enum class Verdict : std::uint8_t {
  applied,  // one of the attempts took effect
  retry,    // none did; the next one may name the tag that is there now
  fenced,   // a newer owner has the object
  not_ours  // the object is still an older owner's: it was never raised to the writer's epoch
};
[[nodiscard]] Verdict judge(const ObjectOwner& found, const ObjectTag& mine) noexcept;

}  // namespace weir::journal
