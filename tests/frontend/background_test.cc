// The front end of a background core: who is there stays until he has kept to his limits for a while.
#include <memory>
#include <string>

#include "frontend/giving_way.h"
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

// One connection on the background core.
struct Connection {
  TestServer& server;
  std::shared_ptr<void> label = nullptr;

  [[nodiscard]] env::Task<Reply> ask(std::string operation, bool sign = true) {
    const Client client{.server = server, .core = 1};
    TestRequest request = client.request(operation, Map{});
    request.http().connection_label = &label;
    co_return co_await client.send(std::move(request), sign);
  }
  // As its server does when it moves.
  void leave() { label.reset(); }
};

// Refused so often that the account gives way.
env::Task<void> flood(Connection& connection) {
  for (std::uint64_t refused = 0; refused <= GivingWay::refused_per_second_max;) {
    refused += (co_await connection.ask("ListStreams")).code() == "LimitExceededException" ? 1 : 0;
  }
}

TEST(FrontEndInBackground, KeepsAConnectionUntilItsAccountHasKeptToItsLimitsForAWhile) {
  run_server({.enforce_rates = true, .core_1_in_background = true}, [](TestServer& server) -> env::Task<void> {
    Connection connection{.server = server};
    EXPECT_TRUE((co_await connection.ask("ListStreams")).gives_way) << "it came because it gives way";
    co_await server.home().sleep_for(GivingWay::gives_way_time - milliseconds(100));
    const Reply kept = co_await connection.ask("ListStreams");
    EXPECT_TRUE(kept.ok() && kept.gives_way);
    co_await server.home().sleep_for(milliseconds(100));
    const Reply last = co_await connection.ask("ListStreams");
    EXPECT_TRUE(last.ok() && !last.gives_way) << "now it goes home";
    // It comes again.
    connection.leave();
    EXPECT_TRUE((co_await connection.ask("ListStreams")).gives_way);
    co_await server.home().sleep_for(GivingWay::gives_way_time / 2);
    co_await flood(connection);
    co_await server.home().sleep_for(GivingWay::gives_way_time - milliseconds(100));
    EXPECT_TRUE((co_await connection.ask("ListStreams")).gives_way) << "what it did here counts here";
    co_await server.home().sleep_for(milliseconds(200));
    EXPECT_FALSE((co_await connection.ask("ListStreams")).gives_way);
  });
}

TEST(FrontEndInBackground, LetsNobodyOutForARequestThatIsNobodys) {
  run_server({.core_1_in_background = true}, [](TestServer& server) -> env::Task<void> {
    Connection connection{.server = server};
    EXPECT_TRUE((co_await connection.ask("ListStreams")).gives_way);
    EXPECT_TRUE((co_await connection.ask("ListStreams", false)).gives_way);
    EXPECT_TRUE((co_await connection.ask("NoSuchOperation")).gives_way);
    Connection new_there{.server = server};
    EXPECT_TRUE((co_await new_there.ask("ListStreams", false)).gives_way);
  });
}

TEST(FrontEndInBackground, AnAccountMayHaveAllConnectionsOfItsShareThere) {
  run_server({.account_connections_max = 1, .account_connections_in_background_max = 2, .core_1_in_background = true},
             [](TestServer& server) -> env::Task<void> {
               Connection one{.server = server};
               Connection two{.server = server};
               Connection three{.server = server};
               EXPECT_FALSE((co_await one.ask("ListStreams")).ends_connection);
               EXPECT_FALSE((co_await two.ask("ListStreams")).ends_connection);
               EXPECT_TRUE((co_await three.ask("ListStreams")).ends_connection);
             });
}

}  // namespace
}  // namespace weir::frontend::test
