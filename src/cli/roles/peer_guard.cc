#include "cli/roles/peer_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "cell/remote/rpc.h"
#include "directory/fleet/fleet_messages.h"
#include "directory/rpc_paths.h"

namespace weir::cli {
namespace {

constexpr std::size_t told_max = 1'000;

constexpr std::string_view frontend = "frontend";
constexpr std::string_view cell_role = "cell";
constexpr std::string_view directory_role = "directory";
constexpr std::string_view operator_role = "operator";

struct Rule {
  std::string_view path;
  std::array<std::string_view, 3> roles;  // empty ones are none
};

constexpr std::array<Rule, 11> rules{{
    {directory::follow_path, {frontend, cell_role, directory_role}},
    {directory::command_path, {frontend}},
    {directory::rates_path, {frontend}},
    {directory::beat_path, {cell_role}},
    {directory::claim_path, {cell_role}},
    {cell::append_path, {frontend}},
    {cell::reserve_path, {frontend}},
    {cell::read_path, {frontend}},
    {cell::locate_path, {frontend}},
    {cell::close_shard_path, {directory_role}},
    {cell::reopen_shard_path, {directory_role}},
}};

std::string allowed(std::string_view path) {
  const auto* const rule = std::ranges::find(rules, path, &Rule::path);
  if (rule == rules.end()) return std::string(operator_role);
  std::string roles;
  for (const std::string_view role : rule->roles) {
    if (role.empty()) continue;
    roles.append(roles.empty() ? "" : " or ").append(role);
  }
  return roles;
}

}  // namespace

bool may_use(std::string_view role, std::string_view path) noexcept {
  if (role.empty()) return false;
  const auto* const rule = std::ranges::find(rules, path, &Rule::path);
  if (rule == rules.end()) return role == operator_role;
  return std::ranges::find(rule->roles, role) != rule->roles.end();
}

env::Task<net::HttpResponse> PeerGuard::handle(net::HttpRequest& request) {
  if (request.peer == nullptr) co_return turn_away(403, "nobody", request.path, "no certificate was shown");
  const net::PeerIdentity& peer = *request.peer;
  if (!may_use(peer.role, request.path)) {
    std::string reason = peer.role.empty()
                             ? fmt::format("the certificate of {} names no role (weir cert issue --role)", peer.name)
                             : fmt::format("the certificate of {} is of a {}", peer.name, peer.role);
    co_return turn_away(403, peer.name, request.path,
                        fmt::format("{} is for: {}; {}", request.path, allowed(request.path), reason));
  }
  const auto said = request.header(net::protocol_header);
  const auto spoken = said ? net::parse_protocol_range(*said) : net::ProtocolRange{};
  if (!spoken || !net::overlap(*spoken, protocols_)) {
    co_return turn_away(426, peer.name, request.path,
                        fmt::format("{} speaks protocol versions {}, this process {}: upgrade the older one", peer.name,
                                    said.value_or("1-1"), net::protocol_range_text(protocols_)));
  }
  if (*spoken != protocols_ && is_news(peer.name + net::protocol_range_text(*spoken))) {
    log_info("fleet", "a peer speaks other protocol versions too",
             {{"peer", peer.name},
              {"its", net::protocol_range_text(*spoken)},
              {"own", net::protocol_range_text(protocols_)}});
  }
  co_return co_await handler_.handle(request);
}

net::HttpResponse PeerGuard::turn_away(std::uint16_t status, std::string_view peer, std::string_view path,
                                       std::string reason) {
  if (is_news(fmt::format("{} {} {}", status, peer, path))) {
    log_warning("fleet", "a peer was turned away", {{"peer", peer}, {"path", path}, {"reason", reason}});
  }
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(reason);
  return response;
}

bool PeerGuard::is_news(std::string what) { return told_.size() < told_max && told_.insert(std::move(what)).second; }

}  // namespace weir::cli
