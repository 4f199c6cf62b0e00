#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include "env/process.h"
#include "env/runtime.h"
#include "env/task_group.h"

namespace weir::env {
namespace {

TEST(RealProcess, LimitsAreThoseOfTheSystem) {
  const SystemLimits limits = system_limits();
  EXPECT_GE(limits.hardware_cores, 1U);
  EXPECT_LE(limits.hardware_cores, static_cast<std::uint32_t>(::sysconf(_SC_NPROCESSORS_CONF)));
  EXPECT_LE(limits.descriptors_soft_max, limits.descriptors_hard_max);
  const auto physical =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGE_SIZE));
  EXPECT_GT(limits.memory_bytes, 0U);
  EXPECT_LE(limits.memory_bytes, physical);
  EXPECT_GT(limits.memory_maps_max, 1000U);
  EXPECT_GT(limits.threads_max, 1U);
}

TEST(RealProcess, ALoweredDescriptorLimitIsSeenAndRaisedAgain) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit lowered{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
  EXPECT_EQ(system_limits().descriptors_soft_max, 64U);
  const auto raised = raise_descriptor_limit();
  ASSERT_TRUE(raised);
  EXPECT_EQ(*raised, system_limits().descriptors_hard_max);
  EXPECT_EQ(system_limits().descriptors_soft_max, *raised);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(RealProcess, ThreadsThatAreTriedAreGoneAfterwards) {
  const ProcessUsage before = process_usage();
  EXPECT_TRUE(try_threads(20));
  EXPECT_EQ(process_usage().threads, before.threads);
}

TEST(RealProcess, AProcessThatIsRefusedAThreadNamesTheLimit) {
  const Error error = no_more_threads().error();
  EXPECT_EQ(error.code, ErrorCode::limit_exceeded);
  EXPECT_NE(error.message.find("ulimit -u"), std::string::npos);
  EXPECT_NE(error.message.find("pids.max"), std::string::npos);
}

TEST(RealProcess, UsageFollowsDescriptorsAndThreads) {
  const ProcessUsage before = process_usage();
  EXPECT_GT(before.resident_bytes, 0U);
  EXPECT_GT(before.memory_maps, 0U);
  std::vector<int> descriptors;
  for (int i = 0; i < 5; ++i) descriptors.push_back(::dup(0));
  EXPECT_EQ(process_usage().open_descriptors, before.open_descriptors + 5);
  for (const int descriptor : descriptors) ::close(descriptor);
  std::jthread other([&] { EXPECT_EQ(process_usage().threads, before.threads + 1); });
}

TEST(RealProcess, EnvironmentMaskAndHostName) {
  ASSERT_EQ(::setenv("WEIR_TEST_VARIABLE", "value", 1), 0);
  EXPECT_EQ(environment_variable("WEIR_TEST_VARIABLE"), "value");
  ASSERT_EQ(::unsetenv("WEIR_TEST_VARIABLE"), 0);
  EXPECT_EQ(environment_variable("WEIR_TEST_VARIABLE"), std::nullopt);
  const mode_t before = ::umask(0);
  set_file_creation_mask(027);
  EXPECT_EQ(::umask(before), 027U);
  EXPECT_FALSE(host_name().empty());
}

Task<int> signals(Core& core) {
  auto source = make_signal_source(core);
  EXPECT_TRUE(source);
  // Raised while nobody waits: kept.
  ::raise(SIGHUP);
  ::raise(SIGTERM);
  EXPECT_EQ(co_await (*source)->wait_for_signal(), ProcessSignal::hangup);
  EXPECT_EQ(co_await (*source)->wait_for_signal(), ProcessSignal::terminate);
  ::raise(SIGINT);
  EXPECT_EQ(co_await (*source)->wait_for_signal(), ProcessSignal::interrupt);
  co_return 0;
}

TEST(RealProcess, SignalsArriveOneByOneAndAreNotLost) {
  const auto runtime = make_real_runtime({.cores = 1, .blocking_threads = 1});
  EXPECT_EQ(runtime->run([&] { return signals(runtime->core(0)); }), 0);
  struct sigaction action{};
  ASSERT_EQ(::sigaction(SIGTERM, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_IGN);
}

Task<void> expect_no_signal(SignalSource& source) { EXPECT_EQ(co_await source.wait_for_signal(), std::nullopt); }

Task<int> close_source(Core& core) {
  auto source = make_signal_source(core);
  TaskGroup group(core);
  group.spawn(expect_no_signal(**source));
  EXPECT_EQ(group.running(), 1U);
  (*source)->close();
  co_await group.wait();
  EXPECT_EQ(co_await (*source)->wait_for_signal(), std::nullopt);
  co_return 0;
}

TEST(RealProcess, ClosingEndsTheWaitForASignal) {
  const auto runtime = make_real_runtime({.cores = 1, .blocking_threads = 1});
  EXPECT_EQ(runtime->run([&] { return close_source(runtime->core(0)); }), 0);
}

}  // namespace
}  // namespace weir::env
