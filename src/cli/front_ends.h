// FrontEnds: one front end for each core of a process, the background core among them.
//
// Threading: made and used on core 0; each front end belongs to its core.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cli/map_publisher.h"
#include "env/runtime.h"
#include "frontend/front_end.h"
#include "net/server.h"

namespace weir::cli {

class FrontEnds {
 public:
  using AuthenticatorOf = std::function<frontend::Authenticator&(std::uint32_t core)>;

  // What is passed by reference outlives them. `token_key` is the same for all.
  FrontEnds(env::Runtime& runtime, frontend::Services& services, const AuthenticatorOf& authenticator_of,
            std::span<const std::byte, model::token_key_bytes> token_key) {
    for (std::uint32_t i = 0; i < runtime.core_count(); ++i) {
      foreground_.push_back(
          std::make_unique<frontend::FrontEnd>(runtime.core(i), services, authenticator_of(i), token_key));
    }
    env::Core* const core = runtime.background_core();
    if (core == nullptr) return;
    background_ = std::make_unique<frontend::FrontEnd>(*core, services, authenticator_of(core->index()), token_key,
                                                       frontend::FrontEnd::Place::background);
  }

  // Brings every new shard map to all of them, which outlive it. `home`: core 0.
  [[nodiscard]] std::unique_ptr<MapPublisher> make_publisher(env::Core& home) {
    std::vector<frontend::FrontEnd*> all;
    for (const auto& front_end : foreground_) all.push_back(front_end.get());
    if (background_) all.push_back(background_.get());
    return std::make_unique<MapPublisher>(home, std::move(all));
  }

  // For the ports.
  [[nodiscard]] std::vector<net::ServingCore> serving() {
    std::vector<net::ServingCore> serving;
    for (const auto& front_end : foreground_) serving.push_back({.core = front_end->core(), .handler = *front_end});
    return serving;
  }
  [[nodiscard]] std::optional<net::ServingCore> background() {
    if (!background_) return std::nullopt;
    return net::ServingCore{.core = background_->core(), .handler = *background_};
  }

 private:
  std::vector<std::unique_ptr<frontend::FrontEnd>> foreground_;  // by core
  std::unique_ptr<frontend::FrontEnd> background_;               // null where there is no such core
};

}  // namespace weir::cli
