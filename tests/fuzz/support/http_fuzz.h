// Drives one connection of src/net through the bytes of a fuzzer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/assert.h"
#include "tests/net/http_test_support.h"

namespace weir::testing {

// The first byte of `input` is the most that one read returns (0: no limit), the second says where the rest is cut in
// two; a second passes between the halves. `greeting` comes before everything. Whatever the bytes, the connection must
// end and give back its memory.
template <class Connection>
void fuzz_connection(std::span<const std::uint8_t> input, std::string_view greeting) {
  // Each input takes hours of the fixture's clock, which must not run over.
  constexpr std::uint64_t inputs_per_fixture = 10'000;
  static std::uint64_t inputs = 0;
  static std::unique_ptr<net::HttpFixture> kept;
  if (inputs++ % inputs_per_fixture == 0) {
    kept.reset();
    kept.reset(new net::HttpFixture({"net.request_memory_bytes_max=64MiB", "net.h2_streams_max=100"}));
  }
  net::HttpFixture& fixture = *kept;
  constexpr std::size_t control_bytes = 2;
  if (input.size() < control_bytes) return;
  const std::size_t read_bytes_max = input[0] == 0 ? std::numeric_limits<std::size_t>::max() : input[0];
  const std::string_view bytes(reinterpret_cast<const char*>(input.data()) + control_bytes,
                               input.size() - control_bytes);
  const std::size_t cut = bytes.size() * input[1] / 256;
  fixture.handler.seen.clear();
  {
    net::ServedConnection<Connection> served(fixture, read_bytes_max);
    served.exchange(greeting);
    served.exchange(bytes.substr(0, cut));
    fixture.core.run_for(seconds(1));
    served.exchange(bytes.substr(cut));
    fixture.handler.release();
    served.exchange("");
    served.to_server.end();
    fixture.core.run();
    fixture.core.run_for(hours(3));
    // A pipeline may hold a request that waits for its release behind every other one.
    for (std::size_t request = 0; !served.ended && request <= bytes.size(); ++request) {
      fixture.handler.release();
      fixture.core.run();
    }
    WEIR_ASSERT(served.ended);
  }
  WEIR_ASSERT(fixture.handler.running == 0);
  WEIR_ASSERT(fixture.resources->request_memory.used_bytes() == 0);
  WEIR_ASSERT(fixture.resources->response_memory.used_bytes() == 0);
}

}  // namespace weir::testing
