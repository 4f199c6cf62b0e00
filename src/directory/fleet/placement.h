// Placement: which node of each cell holds which lane. Pure: it is told of beats and of the time, and decides.
//
// A lane whose node is gone goes to the node with the fewest lanes; lanes move one by one, at a limited rate, from a
// node that drains or has too many, or that an operator wants elsewhere. Fewer lanes come first, then fewer shards:
// idle ones cost as much to hold as busy ones; then fewer bytes. A lane is given to its next node only when the one
// before no longer reports it, or is dead. A node that is silent is unknown, not dead; at most max(1, 5 %) of a cell's
// nodes are declared dead in a minute (design, section 4), so that a directory that hears badly cannot move a whole
// cell.
//
// Threading: one core.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "directory/cell_layout.h"

namespace weir::directory {

inline constexpr std::size_t nodes_per_cell_max = 256;

// What a node says about itself, every second. Of one size whatever the node holds.
struct NodeBeat {
  std::string node;  // unique over all cells
  std::uint32_t cell = 0;
  std::string address;
  std::uint16_t port = 0;
  std::uint64_t boot = 0;  // random at every start: a node that came back holds nothing of what it held before
  LaneSet held;            // serving now
  std::uint64_t shards = 0;
  std::uint64_t bytes_per_second = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t map_version = 0;
  LaneSet not_writing;        // of those held: lanes that cannot take records now
  std::uint32_t trouble = 0;  // why the first of them cannot: cell::LaneTrouble
};

enum class NodeState : std::uint8_t {
  alive,
  unknown,  // silent for longer than unknown_after; keeps its lanes
  dead,     // its lanes went to others; one beat brings it back, with nothing
};

struct PlacementOptions {
  Duration unknown_after = milliseconds(1'500);
  Duration dead_after = milliseconds(3'000);
  std::uint32_t deaths_percent_max = 5;  // of a cell's nodes in a minute; one is always allowed
  Duration move_interval = seconds(1);   // between two moves of lanes in one cell; takeovers do not wait for it
};

struct NodeView {
  NodeBeat last;
  NodeState state = NodeState::alive;
  bool draining = false;
  LaneSet target;
  MonotonicTime last_heard;
};

// Something that an operator should read. `text` is a whole log line's message.
struct PlacementEvent {
  std::string text;
  std::string node;
  std::uint32_t cell = 0;
};

class Placement {
 public:
  explicit Placement(const PlacementOptions& options) noexcept : options_(options) {}

  // A cell exists from here on, with lanes 0 to `lanes`-1 (at most lanes_per_cell_max). More lanes may be added later.
  void define_cell(std::uint32_t cell, std::uint32_t lanes);
  // What the last leader left: `node` held the lane. Believed until the node beats or has been silent for dead_after
  // from `now` on.
  void restore(LaneId lane, std::string_view node, MonotonicTime now);

  // Takes a beat in and returns the lanes that the node shall hold from now on. Nothing when the node is refused: of an
  // unknown cell, one node too many, or a name that another running process uses.
  [[nodiscard]] std::optional<LaneSet> beat(const NodeBeat& beat, MonotonicTime now);
  // Declares deaths, gives lanes without a node to nodes, moves. To be called a few times a second.
  [[nodiscard]] std::vector<PlacementEvent> review(MonotonicTime now);

  // Whether `node` may claim the lane now: it shall hold it, and nobody else may still.
  [[nodiscard]] bool may_claim(LaneId lane, std::string_view node) const;
  // Moves the lane to `node` as soon as the rate of moves allows. It stays there until the node drains or dies, however
  // the lanes are spread. Errors: not_found, invalid_argument (of another cell), conflict (the node may not have it
  // now).
  [[nodiscard]] Result<void> move(LaneId lane, std::string_view node);
  // A draining node gives its lanes away and gets none. False when there is no such node.
  [[nodiscard]] bool set_draining(std::string_view node, bool draining);
  // Forgets a dead or drained node that holds nothing and shall hold nothing; else false.
  [[nodiscard]] bool forget(std::string_view node);

  [[nodiscard]] const std::map<std::string, NodeView, std::less<>>& nodes() const noexcept { return nodes_; }
  // Lanes of the cell that no node which is heard says it holds.
  [[nodiscard]] LaneSet lanes_without_owner(std::uint32_t cell) const;
  // Whether more nodes of the cell are silent than may be declared dead now.
  [[nodiscard]] bool deaths_capped(std::uint32_t cell) const;

 private:
  struct Cell {
    std::uint32_t lanes = 0;
    std::deque<MonotonicTime> deaths;  // of the last minute
    std::optional<MonotonicTime> last_move;
    bool deaths_capped = false;                  // said once in the log
    std::map<std::uint32_t, std::string> moves;  // lane within the cell -> the node that an operator wants it on
  };

  void declare_deaths(std::uint32_t number, Cell& cell, MonotonicTime now, std::vector<PlacementEvent>& events);
  void assign_free_lanes(std::uint32_t number, const Cell& cell, std::vector<PlacementEvent>& events);
  void move_one_lane(std::uint32_t number, Cell& cell, MonotonicTime now, std::vector<PlacementEvent>& events);
  [[nodiscard]] std::size_t node_count(std::uint32_t cell) const noexcept;
  [[nodiscard]] LaneSet taken_lanes(std::uint32_t cell) const noexcept;
  // The node that should get the next lane; null when none can take one.
  [[nodiscard]] NodeView* least_loaded(std::uint32_t cell) noexcept;
  // The node that should give a lane away for the good of the balance, or because it drains; null when all is well.
  [[nodiscard]] NodeView* most_loaded(std::uint32_t cell) noexcept;
  // Takes one lane from its node that an operator wants elsewhere; whether there was one.
  [[nodiscard]] bool begin_wanted_move(std::uint32_t number, Cell& cell, std::vector<PlacementEvent>& events);
  void forget_moves_to_the_unfit(Cell& cell);
  // The lane of the node that the balance may take; none when an operator wants all of them there.
  [[nodiscard]] std::optional<std::uint32_t> movable_lane(std::uint32_t cell, const NodeView& node) const;

  const PlacementOptions options_;
  std::map<std::uint32_t, Cell> cells_;
  std::map<std::string, NodeView, std::less<>> nodes_;
};

}  // namespace weir::directory
