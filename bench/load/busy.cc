#include "load/busy.h"

#include <ctime>

namespace weir::bench {
namespace {

double clock_s(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void sleep_until(double moment_s) {
  timespec moment{};
  moment.tv_sec = static_cast<std::time_t>(moment_s);
  moment.tv_nsec = static_cast<long>((moment_s - static_cast<double>(moment.tv_sec)) * 1e9);
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nullptr);
}

}  // namespace

void run_busy(const BusyPlan& plan) {
  const double begin_s = clock_s(CLOCK_MONOTONIC);
  const double used_before_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  for (double since_s = 0; since_s < plan.seconds; since_s += 1 / plan.per_second) {
    sleep_until(begin_s + since_s);
    while (clock_s(CLOCK_PROCESS_CPUTIME_ID) - used_before_s < since_s * plan.cores) {
    }
  }
}

}  // namespace weir::bench
