// PeerGuard: lets a request of another process of the fleet through to its handler when that process's certificate has
// the role that the path asks for, and when the two speak a protocol version in common. Else it answers 403 or 426 with
// the reason, and says so in the log, once for each peer and reason.
//
// Threading: one for each core that serves.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "env/core.h"
#include "net/http.h"
#include "net/protocol.h"

namespace weir::cli {

// Who may use a path; of PeerIdentity::role. A path that is not listed here is an operator's.
//
//   follow, rates      front ends; follow also nodes and directories
//   command            front ends
//   beat, claim        nodes
//   append, read, ...  front ends
//   close_shard, ...   directories
[[nodiscard]] bool may_use(std::string_view role, std::string_view path) noexcept;

class PeerGuard final : public net::HttpHandler {
 public:
  // `protocols`: that this process speaks. `handler` outlives the guard.
  explicit PeerGuard(net::HttpHandler& handler, net::ProtocolRange protocols = net::own_protocols)
      : handler_(handler), protocols_(protocols) {}

  [[nodiscard]] env::Task<net::HttpResponse> handle(net::HttpRequest& request) override;
  [[nodiscard]] net::HttpResponse refuse(std::uint16_t status) override { return handler_.refuse(status); }

 private:
  [[nodiscard]] net::HttpResponse turn_away(std::uint16_t status, std::string_view peer, std::string_view path,
                                            std::string reason);
  // Whether the log has not been told of it yet; of a bounded number of things.
  [[nodiscard]] bool is_news(std::string what);

  net::HttpHandler& handler_;
  const net::ProtocolRange protocols_;
  std::set<std::string> told_;
};

}  // namespace weir::cli
