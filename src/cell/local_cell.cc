#include "cell/local_cell.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "env/task_group.h"

namespace weir::cell {

env::Task<Result<std::unique_ptr<LocalCell>>> LocalCell::open(env::Runtime& runtime, env::Core& home,
                                                              std::uint32_t lanes, LaneAccess access,
                                                              const CellContext& context) {
  WEIR_ASSERT(lanes >= 1 && lanes <= lanes_max && context.metrics.lanes.size() == lanes && home.is_current());
  std::unique_ptr<LocalCell> cell(new LocalCell(runtime, home, lanes, std::move(access), context));
  std::vector<Result<void>> outcomes(lanes);
  env::TaskGroup taking(home);
  for (std::uint32_t i = 0; i < lanes; ++i) taking.spawn(cell->take_into(LaneId{i}, outcomes[i]));
  co_await taking.wait();
  for (std::uint32_t i = 0; i < lanes; ++i) {
    if (outcomes[i].has_value()) continue;
    co_await cell->stop();
    co_return fail_while("opening lane " + std::to_string(i), std::move(outcomes[i].error()));
  }
  co_return cell;
}

env::Task<void> LocalCell::take_into(LaneId lane, Result<void>& outcome) { outcome = co_await take(lane); }

}  // namespace weir::cell
