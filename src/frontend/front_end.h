// FrontEnd: answers the API's requests on one core. It follows the API's dispatch order, verifies the signature, runs
// the operation and gives the answer its headers (API reference, sections 1.3 and 1.6).
//
// Threading: belongs to its core. Stateless but for the core's routes and caches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "frontend/authentication/authenticator.h"
#include "frontend/connection_shares.h"
#include "frontend/giving_way.h"
#include "frontend/large_work.h"
#include "frontend/operation.h"
#include "frontend/routes.h"
#include "kinesis/dispatch.h"
#include "net/http.h"

namespace weir::frontend {

class FrontEnd final : public net::HttpHandler {
 public:
  enum class Place : std::uint8_t { foreground, background };  // background: of who gives way, see GivingWay

  // `services` and `authenticator` outlive the front end. `token_key` is the same on every core.
  FrontEnd(env::Core& core, Services& services, Authenticator& authenticator,
           std::span<const std::byte, model::token_key_bytes> token_key, Place place = Place::foreground)
      : core_(core),
        place_(place),
        services_(services),
        authenticator_(authenticator),
        routes_(core),
        sealer_(token_key),
        connections_(place == Place::background ? services.account_connections_in_background_max
                                                : services.account_connections_max),
        giving_way_(core),
        large_work_(core) {}

  [[nodiscard]] env::Task<net::HttpResponse> handle(net::HttpRequest& request) override;
  [[nodiscard]] net::HttpResponse refuse(std::uint16_t status) override;

  // This core's shard map; whoever publishes maps replaces it.
  [[nodiscard]] Routes& routes() noexcept { return routes_; }
  [[nodiscard]] env::Core& core() noexcept { return core_; }

 private:
  // What becomes of the connection after an answer.
  struct Aftermath {
    bool ends_connection = false;  // the account has more connections than its share
    bool gives_way = false;        // it goes on, or stays, in the background
    bool in_vain = false;          // less than half of what was asked was done, for a rate
  };
  [[nodiscard]] env::Task<kinesis::Answer> answer(net::HttpRequest& request, const kinesis::RequestHead& head,
                                                  Aftermath& aftermath);
  [[nodiscard]] env::Task<kinesis::Answer> run_operation(const kinesis::Decision& decision, Identity identity,
                                                         MutableBytes body, Aftermath& aftermath);
  [[nodiscard]] net::HttpResponse to_response(kinesis::Answer answer, const kinesis::RequestHead& head);

  env::Core& core_;
  const Place place_;
  Services& services_;
  Authenticator& authenticator_;
  Routes routes_;
  model::TokenSealer sealer_;
  ConnectionShares connections_;
  GivingWay giving_way_;
  LargeWork large_work_;
};

}  // namespace weir::frontend
