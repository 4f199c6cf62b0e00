#include "directory/fleet/fleet_messages.h"

#include <limits>

#include "directory/fleet/fleet.pb.h"

namespace weir::directory {
namespace {

constexpr std::size_t name_bytes_max = 128;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::corrupt, "a message between a node and the directory: " + std::string(what));
}

bool is_port(std::uint32_t port) noexcept { return port >= 1 && port <= std::numeric_limits<std::uint16_t>::max(); }

bool is_name(std::string_view name) noexcept { return !name.empty() && name.size() <= name_bytes_max; }

}  // namespace

std::string encode(const NodeBeat& beat) {
  fleet::Beat message;
  message.set_node(beat.node);
  message.set_cell(beat.cell);
  message.set_address(beat.address);
  message.set_port(beat.port);
  message.set_boot(beat.boot);
  message.set_held(beat.held.to_ullong());
  message.set_shards(beat.shards);
  message.set_bytes_per_second(beat.bytes_per_second);
  message.set_stored_bytes(beat.stored_bytes);
  message.set_map_version(beat.map_version);
  message.set_not_writing(beat.not_writing.to_ullong());
  message.set_trouble(beat.trouble);
  return message.SerializeAsString();
}

std::string encode(const LaneClaim& claim) {
  fleet::Claim message;
  message.set_node(claim.node);
  message.set_address(claim.address);
  message.set_port(claim.port);
  message.set_lane(claim.lane.value);
  return message.SerializeAsString();
}

std::string encode(const CellDefinition& definition) {
  fleet::CellDefinition message;
  message.set_cell(definition.cell);
  message.set_name(definition.state.name);
  message.set_lanes(definition.state.lanes);
  message.set_open_shards_max(definition.state.open_shards_max);
  message.set_closed(definition.state.closed);
  return message.SerializeAsString();
}

std::string encode(const Drain& drain) {
  fleet::Drain message;
  message.set_node(drain.node);
  message.set_draining(drain.draining);
  return message.SerializeAsString();
}

std::string encode(const LaneMove& move) {
  fleet::MoveLane message;
  message.set_lane(move.lane.value);
  message.set_node(move.node);
  return message.SerializeAsString();
}

std::string encode(const Forget& forget) {
  fleet::Forget message;
  message.set_node(forget.node);
  return message.SerializeAsString();
}

std::string encode(const FleetReply& reply) {
  fleet::Reply message;
  switch (reply.outcome) {
    case FleetOutcome::done: message.set_outcome(fleet::DONE); break;
    case FleetOutcome::not_leader: message.set_outcome(fleet::NOT_LEADER); break;
    case FleetOutcome::refused: message.set_outcome(fleet::REFUSED); break;
  }
  if (reply.leader) {
    message.set_leader_address(reply.leader->address);
    message.set_leader_port(reply.leader->port);
  }
  message.set_reason(reply.reason);
  message.set_lanes(reply.lanes.to_ullong());
  message.set_epoch(reply.epoch.value);
  return message.SerializeAsString();
}

Result<NodeBeat> decode_beat(std::string_view bytes) {
  fleet::Beat message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("no beat");
  if (!is_name(message.node()) || !is_name(message.address()) || !is_port(message.port())) {
    return malformed("a beat without a name or an address");
  }
  if (message.boot() == 0) return malformed("a beat without a boot id");
  return NodeBeat{.node = message.node(),
                  .cell = message.cell(),
                  .address = message.address(),
                  .port = static_cast<std::uint16_t>(message.port()),
                  .boot = message.boot(),
                  .held = LaneSet(message.held()),
                  .shards = message.shards(),
                  .bytes_per_second = message.bytes_per_second(),
                  .stored_bytes = message.stored_bytes(),
                  .map_version = message.map_version(),
                  .not_writing = LaneSet(message.not_writing()),
                  .trouble = message.trouble()};
}

Result<LaneClaim> decode_claim(std::string_view bytes) {
  fleet::Claim message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("no claim");
  if (!is_name(message.node()) || !is_name(message.address()) || !is_port(message.port())) {
    return malformed("a claim without a name or an address");
  }
  return LaneClaim{.node = message.node(),
                   .address = message.address(),
                   .port = static_cast<std::uint16_t>(message.port()),
                   .lane = LaneId{message.lane()}};
}

Result<CellDefinition> decode_cell_definition(std::string_view bytes) {
  fleet::CellDefinition message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("no cell");
  if (!is_name(message.name())) return malformed("a cell without a name");
  return CellDefinition{.cell = message.cell(),
                        .state = {.name = message.name(),
                                  .lanes = message.lanes(),
                                  .open_shards_max = message.open_shards_max(),
                                  .closed = message.closed()}};
}

Result<Drain> decode_drain(std::string_view bytes) {
  fleet::Drain message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("no drain");
  if (!is_name(message.node())) return malformed("a drain without a node");
  return Drain{.node = message.node(), .draining = message.draining()};
}

Result<LaneMove> decode_lane_move(std::string_view bytes) {
  fleet::MoveLane message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("no move");
  if (!is_name(message.node())) return malformed("a move without a node");
  return LaneMove{.lane = LaneId{message.lane()}, .node = message.node()};
}

Result<Forget> decode_forget(std::string_view bytes) {
  fleet::Forget message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("nothing to forget");
  if (!is_name(message.node())) return malformed("a node to forget without a name");
  return Forget{.node = message.node()};
}

Result<FleetReply> decode_fleet_reply(std::string_view bytes) {
  fleet::Reply message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return malformed("no reply");
  FleetReply reply;
  switch (message.outcome()) {
    case fleet::DONE: reply.outcome = FleetOutcome::done; break;
    case fleet::NOT_LEADER: reply.outcome = FleetOutcome::not_leader; break;
    case fleet::REFUSED: reply.outcome = FleetOutcome::refused; break;
    default: return malformed("an outcome that this version does not know");
  }
  if (!message.leader_address().empty()) {
    if (!is_port(message.leader_port())) return malformed("a leader without a port");
    reply.leader =
        env::Endpoint{.address = message.leader_address(), .port = static_cast<std::uint16_t>(message.leader_port())};
  }
  reply.reason = message.reason();
  reply.lanes = LaneSet(message.lanes());
  reply.epoch = Epoch{message.epoch()};
  return reply;
}

}  // namespace weir::directory
