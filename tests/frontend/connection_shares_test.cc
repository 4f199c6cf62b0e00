#include "frontend/connection_shares.h"

#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

TEST(ConnectionShares, CountAConnectionForTheAccountThatUsedItLast) {
  ConnectionShares shares(2);
  std::vector<std::shared_ptr<void>> connections(3);
  EXPECT_TRUE(shares.note(connections[0], "a"));
  EXPECT_TRUE(shares.note(connections[0], "a"));
  EXPECT_TRUE(shares.note(connections[1], "a"));
  EXPECT_EQ(shares.connections_of("a"), 2U);
  EXPECT_FALSE(shares.note(connections[2], "a"));
  EXPECT_FALSE(shares.note(connections[0], "a")) << "as long as there are too many, whichever asks goes";
  EXPECT_TRUE(shares.note(connections[0], "b")) << "others are not concerned";
  EXPECT_TRUE(shares.note(connections[1], "a"));
  connections.clear();
  EXPECT_EQ(shares.connections_of("a"), 0U);
  EXPECT_EQ(shares.connections_of("b"), 0U);
}

TEST(ConnectionShares, AConnectionMayOutliveThem) {
  std::shared_ptr<void> connection;
  {
    ConnectionShares shares(1);
    EXPECT_TRUE(shares.note(connection, "a"));
  }
  connection.reset();
}

// Design, invariant 6: one tenant's load never throttles another.
TEST(ConnectionShares, AnAccountWithTooManyConnectionsLosesThoseItUses) {
  run_server({.settings = {}, .account_connections_max = 2}, [](TestServer& server) -> env::Task<void> {
    std::vector<std::shared_ptr<void>> connections(4);
    const auto ask = [&](std::size_t connection, std::string_view of) -> env::Task<bool> {
      const Client client{.server = server, .account_id = std::string(of)};
      TestRequest request = client.request("ListStreams", Map{});
      request.http().connection_label = &connections[connection];
      const Reply reply = co_await client.send(std::move(request));
      EXPECT_EQ(reply.error(), "") << "it is answered in any case";
      co_return reply.ends_connection;
    };
    EXPECT_FALSE(co_await ask(0, account));
    EXPECT_FALSE(co_await ask(1, account));
    EXPECT_TRUE(co_await ask(2, account));
    EXPECT_FALSE(co_await ask(3, other_account));
    connections[2].reset();  // as its server does
    EXPECT_FALSE(co_await ask(0, account));
    EXPECT_EQ(server.metrics().connections_over_share.value(), 1U);
  });
}

}  // namespace
}  // namespace weir::frontend::test
