#include "env/real/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace weir::env {
namespace {

using testing::MatchesRegex;

class RealLogSinkTest : public testing::Test {
 protected:
  RealLogSinkTest() { EXPECT_EQ(::pipe2(pipe_ends.data(), O_CLOEXEC), 0); }
  ~RealLogSinkTest() override {
    close_end(0);
    close_end(1);
  }
  void close_end(std::size_t end) {
    if (pipe_ends[end] >= 0) ::close(pipe_ends[end]);
    pipe_ends[end] = -1;
  }
  std::string read_to_end() {
    std::string all;
    std::array<char, 65536> piece;
    for (ssize_t got = 0; (got = ::read(pipe_ends[0], piece.data(), piece.size())) > 0;) {
      all.append(piece.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

  std::array<int, 2> pipe_ends{-1, -1};
  Counter dropped;
};

TEST_F(RealLogSinkTest, EveryLineIsWrittenBeforeItEnds) {
  {
    const auto sink = RealLogSink::start(pipe_ends[1], dropped);
    ASSERT_TRUE(sink);
    for (int i = 0; i < 100; ++i) log_info("test", "line", {{"number", i}});
  }
  close_end(1);
  const std::string all = read_to_end();
  EXPECT_EQ(std::ranges::count(all, '\n'), 100);
  EXPECT_THAT(all.substr(0, all.find('\n')), MatchesRegex("20..-..-..T..:..:..\\....Z info test \"line\" number=0"));
  EXPECT_LT(all.find("number=41"), all.find("number=42"));
  EXPECT_EQ(dropped.value(), 0U);
}

TEST_F(RealLogSinkTest, AReaderThatStandsStillCostsLinesAndNeverTime) {
  constexpr int lines = 3000;
  const std::string text(1000, 'x');
  std::string all;
  std::thread reader;
  {
    const auto sink = RealLogSink::start(pipe_ends[1], dropped);
    ASSERT_TRUE(sink);
    // Three times what the buffer and the pipe hold, with nobody who reads: this returns nevertheless.
    for (int i = 0; i < lines; ++i) log_info("test", "line", {{"text", text}});
    EXPECT_GT(dropped.value(), 0U);
    EXPECT_LT(dropped.value(), static_cast<std::uint64_t>(lines));
    reader = std::thread([&] { all = read_to_end(); });
  }
  close_end(1);
  reader.join();
  const auto arrived = static_cast<std::uint64_t>(std::ranges::count(all, '\n'));
  EXPECT_TRUE(all.contains("lines were dropped"));
  EXPECT_EQ(arrived - 1 + dropped.value(), static_cast<std::uint64_t>(lines));
}

TEST_F(RealLogSinkTest, AReaderThatNeverComesBackDoesNotHoldTheEnd) {
  const std::string text(1000, 'x');
  {
    const auto sink = RealLogSink::start(pipe_ends[1], dropped);
    ASSERT_TRUE(sink);
    for (int i = 0; i < 1000; ++i) log_info("test", "line", {{"text", text}});
  }
  EXPECT_GT(dropped.value(), 0U);
}

TEST_F(RealLogSinkTest, ADescriptorThatFailsCostsLinesOnly) {
  std::signal(SIGPIPE, SIG_IGN);
  close_end(0);
  {
    const auto sink = RealLogSink::start(pipe_ends[1], dropped);
    ASSERT_TRUE(sink);
    log_info("test", "one");
    log_info("test", "two");
  }
  EXPECT_EQ(dropped.value(), 2U);
}

TEST_F(RealLogSinkTest, ThreadsMayLogTogether) {
  std::string all;
  std::thread reader([&] { all = read_to_end(); });
  {
    const auto sink = RealLogSink::start(pipe_ends[1], dropped);
    ASSERT_TRUE(sink);
    std::vector<std::jthread> writers;
    for (int thread = 0; thread < 4; ++thread) {
      writers.emplace_back([thread] {
        for (int i = 0; i < 500; ++i) log_info("test", "line", {{"thread", thread}, {"number", i}});
      });
    }
  }
  close_end(1);
  reader.join();
  EXPECT_EQ(std::ranges::count(all, '\n'), 2000);
  EXPECT_EQ(dropped.value(), 0U);
}

}  // namespace
}  // namespace weir::env
