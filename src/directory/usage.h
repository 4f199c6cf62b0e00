// Usage: how much there is, kept up with every change, so that no command has to count 20,000 streams.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "directory/stored_state.h"

namespace weir::directory {

// What the quotas of one account in one Region count. Shards that a pending change will bring count already.
struct ScopeUsage {
  std::uint64_t streams = 0;
  std::uint64_t creating_streams = 0;
  std::uint64_t on_demand_streams = 0;
  std::uint64_t provisioned_shards = 0;
};

// One thread.
class Usage {
 public:
  explicit Usage(std::size_t lanes) : open_shards_of_lane_(lanes, 0) {}

  void add(const StreamState& state) { count(state, 1); }
  void subtract(const StreamState& state) { count(state, -1); }

  [[nodiscard]] ScopeUsage of(const StreamScope& scope) const;
  [[nodiscard]] std::uint64_t streams() const noexcept { return total_.streams; }
  [[nodiscard]] std::uint64_t open_shards() const noexcept { return open_shards_; }
  [[nodiscard]] std::uint64_t stored_shards() const noexcept { return stored_shards_; }  // closed ones too
  // Those that are stored, and those that pending changes will bring.
  [[nodiscard]] std::uint64_t expected_shards() const noexcept { return expected_shards_; }
  [[nodiscard]] std::uint64_t pending_changes() const noexcept { return pending_changes_; }
  [[nodiscard]] const std::vector<std::uint64_t>& open_shards_of_lane() const noexcept { return open_shards_of_lane_; }

 private:
  void count(const StreamState& state, int sign);

  std::map<StreamScope, ScopeUsage> scopes_;
  ScopeUsage total_;
  std::uint64_t open_shards_ = 0;
  std::uint64_t stored_shards_ = 0;
  std::uint64_t expected_shards_ = 0;
  std::uint64_t pending_changes_ = 0;
  std::vector<std::uint64_t> open_shards_of_lane_;
};

}  // namespace weir::directory
