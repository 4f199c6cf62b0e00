#include "cli/roles/directory_rpc.h"

#include "base/bytes.h"
#include "cli/roles/tenant_rpc.h"
#include "directory/rpc_paths.h"
#include "net/rpc_connection.h"

namespace weir::cli {
namespace {

using directory::FleetOutcome;
using directory::FleetReply;

net::HttpResponse respond(std::uint16_t status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "application/octet-stream"}}, .body = std::move(body)};
}

FleetReply refused(std::string reason) {
  return {
      .outcome = FleetOutcome::refused, .leader = std::nullopt, .reason = std::move(reason), .lanes = {}, .epoch = {}};
}

FleetReply done() {
  return {.outcome = FleetOutcome::done, .leader = std::nullopt, .reason = {}, .lanes = {}, .epoch = {}};
}

bool is_for_leader(std::string_view path) noexcept {
  return path == directory::beat_path || path == directory::claim_path || path == directory::define_cell_path ||
         path == directory::drain_path || path == directory::move_lane_path || path == directory::forget_path ||
         is_tenant_path(path);
}

}  // namespace

env::Task<net::HttpResponse> DirectoryRpc::handle(net::HttpRequest& request) {
  if (request.method != "POST") co_return respond(405, {});
  if (request.path == directory::follow_path) co_return co_await parts_.source.follow(core_, request.body);
  if (request.path == directory::command_path) co_return co_await parts_.commands.handle(core_, request.body);
  if (request.path == directory::rates_path) co_return co_await parts_.rates.handle(core_, request.body);
  if (!is_for_leader(request.path) && request.path != directory::status_path) co_return respond(404, {});
  co_await parts_.home.enter();
  net::HttpResponse response = co_await answer_at_home(request.path, as_text(request.body));
  co_await core_.enter();
  co_return response;
}

net::HttpResponse DirectoryRpc::refuse(std::uint16_t status) { return respond(status, {}); }

env::Task<net::HttpResponse> DirectoryRpc::answer_at_home(std::string_view path, std::string_view body) {
  if (path == directory::status_path) co_return respond(200, parts_.status());
  directory::FleetLeader* const leader = parts_.leading();
  if (leader == nullptr) {
    co_return respond(
        200,
        directory::encode(FleetReply{
            .outcome = FleetOutcome::not_leader, .leader = parts_.leader(), .reason = {}, .lanes = {}, .epoch = {}}));
  }
  std::string reply;
  if (is_tenant_path(path)) {
    reply = co_await answer_tenant_call(leader->directory(), path, body);
  } else {
    reply = directory::encode(co_await ask_leader(*leader, path, body));
  }
  co_await parts_.home.enter();
  co_return respond(200, std::move(reply));
}

env::Task<FleetReply> DirectoryRpc::ask_leader(directory::FleetLeader& leader, std::string_view path,
                                               std::string_view body) {
  if (path == directory::beat_path) {
    const auto beat = directory::decode_beat(body);
    co_return beat ? leader.beat(*beat) : refused(beat.error().message);
  }
  if (path == directory::claim_path) {
    auto claim = directory::decode_claim(body);
    if (!claim) co_return refused(std::move(claim.error().message));
    co_return co_await leader.claim(std::move(*claim));
  }
  if (path == directory::drain_path) {
    const auto drain = directory::decode_drain(body);
    if (!drain) co_return refused(drain.error().message);
    co_return leader.set_draining(drain->node, drain->draining) ? done() : refused("there is no node " + drain->node);
  }
  if (path == directory::move_lane_path) {
    const auto move = directory::decode_lane_move(body);
    if (!move) co_return refused(move.error().message);
    const auto moves = leader.move(move->lane, move->node);
    co_return moves ? done() : refused(moves.error().message);
  }
  if (path == directory::forget_path) {
    const auto forget = directory::decode_forget(body);
    if (!forget) co_return refused(forget.error().message);
    co_return leader.forget(forget->node)
        ? done()
        : refused("node " + forget->node + " is not there, or holds lanes, or is alive and does not drain");
  }
  auto cell = directory::decode_cell_definition(body);
  if (!cell) co_return refused(std::move(cell.error().message));
  const auto defined = co_await leader.define_cell(cell->cell, std::move(cell->state));
  co_return defined ? done() : refused(defined.error().message);
}

}  // namespace weir::cli
