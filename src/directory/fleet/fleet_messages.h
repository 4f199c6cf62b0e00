// What nodes and the directory's leader say to each other, apart from its bytes (fleet.proto). Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "directory/fleet/placement.h"
#include "directory/stored_state.h"
#include "env/network.h"

namespace weir::directory {

// Where a method is served: POST to this path.
inline constexpr std::string_view beat_path = "/weir/1/beat";
inline constexpr std::string_view claim_path = "/weir/1/claim";
inline constexpr std::string_view define_cell_path = "/weir/1/define_cell";
inline constexpr std::string_view drain_path = "/weir/1/drain";
inline constexpr std::string_view move_lane_path = "/weir/1/move_lane";
inline constexpr std::string_view forget_path = "/weir/1/forget";
inline constexpr std::string_view status_path = "/weir/1/status";  // an empty body; the answer is a FleetStatus

struct LaneClaim {
  std::string node;
  std::string address;
  std::uint16_t port = 0;
  LaneId lane;
};

struct CellDefinition {
  std::uint32_t cell = 0;
  CellState state;
};

struct Drain {
  std::string node;
  bool draining = true;
};

struct LaneMove {
  LaneId lane;
  std::string node;
};

struct Forget {
  std::string node;
};

enum class FleetOutcome : std::uint8_t { done, not_leader, refused };

// The leader's answer.
struct FleetReply {
  FleetOutcome outcome = FleetOutcome::done;
  std::optional<env::Endpoint> leader;  // when not_leader: as far as it is known
  std::string reason;                   // when refused
  LaneSet lanes;                        // to a beat: what the node shall hold from now on
  Epoch epoch;                          // to a claim
};

[[nodiscard]] std::string encode(const NodeBeat& beat);
[[nodiscard]] std::string encode(const LaneClaim& claim);
[[nodiscard]] std::string encode(const CellDefinition& definition);
[[nodiscard]] std::string encode(const Drain& drain);
[[nodiscard]] std::string encode(const LaneMove& move);
[[nodiscard]] std::string encode(const Forget& forget);
[[nodiscard]] std::string encode(const FleetReply& reply);
// Errors: corrupt for bytes that are no such message, or one that says what cannot be.
[[nodiscard]] Result<NodeBeat> decode_beat(std::string_view bytes);
[[nodiscard]] Result<LaneClaim> decode_claim(std::string_view bytes);
[[nodiscard]] Result<CellDefinition> decode_cell_definition(std::string_view bytes);
[[nodiscard]] Result<Drain> decode_drain(std::string_view bytes);
[[nodiscard]] Result<LaneMove> decode_lane_move(std::string_view bytes);
[[nodiscard]] Result<Forget> decode_forget(std::string_view bytes);
[[nodiscard]] Result<FleetReply> decode_fleet_reply(std::string_view bytes);

}  // namespace weir::directory
