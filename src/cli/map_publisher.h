// MapPublisher: brings every new shard map to the front ends of all cores.
#pragma once

#include <memory>
#include <vector>

#include "directory/directory.h"
#include "env/task_group.h"
#include "frontend/front_end.h"

namespace weir::cli {

class MapPublisher final : public directory::MapListener {
 public:
  // `home` is the directory's core. The front ends outlive the publisher.
  MapPublisher(env::Core& home, std::vector<frontend::FrontEnd*> front_ends) noexcept
      : home_(home), front_ends_(std::move(front_ends)) {}

  [[nodiscard]] env::Task<void> apply(directory::ShardMapPointer map) override {
    env::TaskGroup group(home_);
    for (frontend::FrontEnd* front_end : front_ends_) group.spawn(bring(*front_end, map));
    co_await group.wait();
  }

 private:
  [[nodiscard]] static env::Task<void> bring(frontend::FrontEnd& front_end, directory::ShardMapPointer map) {
    co_await front_end.core().enter();
    front_end.routes().replace(std::move(map));
  }

  env::Core& home_;
  std::vector<frontend::FrontEnd*> front_ends_;
};

}  // namespace weir::cli
