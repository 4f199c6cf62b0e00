#include "directory/map/follow_codec.h"

#include <limits>
#include <utility>

#include "directory/map/map_wire.h"

namespace weir::directory {
namespace {

wire::FollowerKind to_wire(FollowerKind kind) noexcept {
  switch (kind) {
    case FollowerKind::front_end: return wire::FRONT_END;
    case FollowerKind::node: return wire::NODE;
    case FollowerKind::directory: return wire::DIRECTORY;
  }
  return wire::UNKNOWN_KIND;
}

template <class Message>
bool parse(Message& message, std::string_view body) {
  return body.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(body.data(), static_cast<int>(body.size()));
}

}  // namespace

std::string_view to_string(FollowerKind kind) noexcept {
  switch (kind) {
    case FollowerKind::front_end: return "front end";
    case FollowerKind::node: return "node";
    case FollowerKind::directory: return "directory";
  }
  return "front end";
}

std::string encode(const FollowRequest& request) {
  wire::FollowRequest message;
  message.set_name(request.name);
  message.set_kind(to_wire(request.kind));
  message.set_fleet(request.slice.fleet);
  message.set_cell(request.slice.cell);
  if (request.held) to_wire(*request.held, *message.mutable_held());
  message.set_wait_ms(static_cast<std::uint32_t>(request.wait.count()));
  message.set_snapshot_only(request.snapshot_only);
  message.set_report(encode(request.report));
  return message.SerializeAsString();
}

Result<FollowRequest> decode_follow_request(std::string_view body) {
  wire::FollowRequest message;
  if (!parse(message, body)) return fail(ErrorCode::corrupt, "a request to follow cannot be parsed");
  if (message.name().empty() || message.name().size() > follower_name_bytes_max ||
      message.fleet().size() > follower_name_bytes_max) {
    return fail(ErrorCode::corrupt, "a follower has no name, or a name that is too long");
  }
  FollowRequest request{.name = message.name()};
  switch (message.kind()) {
    case wire::FRONT_END:
      request.kind = FollowerKind::front_end;
      request.slice = MapSlice::of_fleet(message.fleet());
      break;
    case wire::NODE:
      if (message.cell() >= cells_max) return fail(ErrorCode::corrupt, "a node of a cell that cannot be");
      request.kind = FollowerKind::node;
      request.slice = MapSlice::of_cell(message.cell());
      break;
    case wire::DIRECTORY: request.kind = FollowerKind::directory; break;
    default: return fail(ErrorCode::corrupt, "a follower of a kind that nobody knows");
  }
  if (message.has_held()) request.held = from_wire(message.held());
  request.wait = std::min<milliseconds>(milliseconds(message.wait_ms()), follow_wait_max);
  request.snapshot_only = message.snapshot_only();
  // What a follower says of itself is for people: one that cannot be read is no reason to keep the map from it.
  request.report = decode_process_report(message.report()).value_or(ProcessReport{});
  return request;
}

std::string encode_follow_answer(std::optional<MapId> newest, milliseconds age, FollowBody kind,
                                 std::string_view body) {
  wire::FollowAnswer message;
  if (newest) to_wire(*newest, *message.mutable_id());
  message.set_age_ms(static_cast<std::uint64_t>(std::max<std::int64_t>(0, age.count())));
  if (kind == FollowBody::snapshot) message.set_snapshot(body.data(), body.size());
  if (kind == FollowBody::delta) message.set_delta(body.data(), body.size());
  return message.SerializeAsString();
}

Result<FollowAnswer> decode_follow_answer(std::string_view body) {
  wire::FollowAnswer message;
  if (!parse(message, body)) return fail(ErrorCode::corrupt, "the directory's answer cannot be parsed");
  if (!message.snapshot().empty() && !message.delta().empty()) {
    return fail(ErrorCode::corrupt, "the directory's answer holds two maps");
  }
  FollowAnswer answer;
  if (message.has_id()) answer.newest = from_wire(message.id());
  constexpr std::uint64_t age_ms_max = 1'000ULL * 86'400 * 365 * 100;
  answer.age = milliseconds(static_cast<std::int64_t>(std::min(message.age_ms(), age_ms_max)));
  answer.snapshot = std::move(*message.mutable_snapshot());
  answer.delta = std::move(*message.mutable_delta());
  return answer;
}

}  // namespace weir::directory
