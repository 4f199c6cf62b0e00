// Closed and open load over keep-alive connections, one thread with epoll for each share of the connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/answer.h"
#include "load/histogram.h"

namespace weir::bench {

struct LoadOptions {
  Protocol protocol = Protocol::http;
  std::uint16_t port = 0;
  std::vector<std::string> requests;  // connection i begins with request i and goes on in a circle
  std::string expected;               // text that every good answer holds
  unsigned connections = 1;
  unsigned threads = 1;
  double rate_per_second = 0;  // 0: closed loop, every connection always busy
  double warm_up_seconds = 1;
  double seconds = 5;
  std::uint64_t requests_max = 0;  // end after so many in all; 0: time alone decides
};

struct LoadResult {
  Histogram latency;  // open loop: from the moment a request was due, sent or not
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t answer_bytes_least = 0;
  std::uint64_t answer_bytes_most = 0;
  std::uint64_t never_sent = 0;  // open loop: due before the end, but no connection was free
  double seconds = 0;
  std::string first_bad_answer;
};

// Runs the load against 127.0.0.1. Errors (no connection, a closed one) end the process with a message.
[[nodiscard]] LoadResult run_load(const LoadOptions& options);

// Opens so many connections, makes each serve one request, says so, and holds them until standard input ends.
void hold_idle_connections(std::uint16_t port, unsigned connections, const std::string& request);

// A non-blocking connection to 127.0.0.1 with Nagle's algorithm off; ends the process when there is none.
[[nodiscard]] int connect_to(std::uint16_t port);
[[noreturn]] void fail(const std::string& message);

}  // namespace weir::bench
