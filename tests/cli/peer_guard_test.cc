// Who of a fleet may do what to whom.
#include "cli/roles/peer_guard.h"

#include "base/log.h"
#include "cell/remote/rpc.h"
#include "directory/fleet/fleet_messages.h"
#include "directory/rpc_paths.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/simulation_test.h"

namespace weir::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Log final : public LogSink {
 public:
  Log() { set_log_sink(this, nullptr); }
  ~Log() override { set_log_sink(nullptr, nullptr); }
  void write(std::string_view line) noexcept override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

class Inside final : public net::HttpHandler {
 public:
  env::Task<net::HttpResponse> handle(net::HttpRequest&) override {
    ++calls;
    co_return net::HttpResponse{};
  }
  net::HttpResponse refuse(std::uint16_t status) override { return {.status = status, .headers = {}, .body = {}}; }
  int calls = 0;
};

struct Guarded {
  env::Task<net::HttpResponse> ask(std::string_view path, const net::PeerIdentity* peer,
                                   std::string_view protocols = {}) {
    net::HttpRequest request;
    request.method = "POST";
    request.path = path;
    request.peer = peer;
    if (!protocols.empty()) request.headers.push_back({net::protocol_header, protocols});
    co_return co_await guard.handle(request);
  }
  Log log;
  Inside inside;
  PeerGuard guard{inside, {.oldest = 2, .newest = 3}};
};

TEST(PeerRoles, EachMayUseWhatItsRoleNeedsAndNothingElse) {
  const std::string_view all[] = {"frontend", "cell", "directory", "operator"};
  const auto users = [&](std::string_view path) {
    std::string names;
    for (const std::string_view role : all) {
      if (may_use(role, path)) names.append(names.empty() ? "" : " ").append(role);
    }
    EXPECT_FALSE(may_use("", path)) << path;
    return names;
  };
  EXPECT_EQ(users(directory::follow_path), "frontend cell directory");
  EXPECT_EQ(users(directory::rates_path), "frontend");
  EXPECT_EQ(users(directory::command_path), "frontend");
  for (const auto path : {directory::beat_path, directory::claim_path}) EXPECT_EQ(users(path), "cell");
  for (const auto path : {cell::append_path, cell::reserve_path, cell::read_path, cell::locate_path})
    EXPECT_EQ(users(path), "frontend");
  for (const auto path : {cell::close_shard_path, cell::reopen_shard_path}) EXPECT_EQ(users(path), "directory");
  for (const auto path : {directory::define_cell_path, directory::drain_path, directory::move_lane_path,
                          directory::forget_path, directory::status_path}) {
    EXPECT_EQ(users(path), "operator") << path;
  }
  EXPECT_EQ(users("/weir/1/what_is_added_one_day"), "operator");
}

TEST(PeerGuard, AWrongRoleIsTurnedAwayWithTheReasonAndOneLineOfTheLog) {
  test::run_simulation(1, [](env::Core&) -> env::Task<void> {
    Guarded guarded;
    const net::PeerIdentity node{.name = "node-7", .role = "cell"};
    for (int i = 0; i < 3; ++i) {
      const net::HttpResponse answer = co_await guarded.ask(directory::drain_path, &node, "2-3");
      EXPECT_EQ(answer.status, 403);
      EXPECT_EQ(answer.body, "/weir/1/drain is for: operator; the certificate of node-7 is of a cell");
    }
    EXPECT_EQ(guarded.inside.calls, 0);
    EXPECT_THAT(guarded.log.lines,
                ::testing::ElementsAre(AllOf(HasSubstr("a peer was turned away"), HasSubstr("peer=node-7"),
                                             HasSubstr("path=/weir/1/drain"))));
    EXPECT_EQ((co_await guarded.ask(directory::beat_path, &node, "2-3")).status, 200);
    EXPECT_EQ(guarded.inside.calls, 1);
  });
}

TEST(PeerGuard, ACertificateWithoutARoleOrNoneAtAllGetsNothing) {
  test::run_simulation(1, [](env::Core&) -> env::Task<void> {
    Guarded guarded;
    const net::PeerIdentity old{.name = "old", .role = ""};
    const net::HttpResponse answer = co_await guarded.ask(directory::follow_path, &old, "2-3");
    EXPECT_EQ(answer.status, 403);
    EXPECT_THAT(answer.body, HasSubstr("the certificate of old names no role (weir cert issue --role)"));
    EXPECT_EQ((co_await guarded.ask(directory::follow_path, nullptr, "2-3")).status, 403);
    EXPECT_EQ(guarded.inside.calls, 0);
  });
}

TEST(PeerGuard, OnlyAPeerThatIsTooOldOrTooNewIsRefusedForItsVersion) {
  test::run_simulation(1, [](env::Core&) -> env::Task<void> {
    Guarded guarded;
    const net::PeerIdentity node{.name = "node-7", .role = "cell"};
    EXPECT_EQ((co_await guarded.ask(directory::beat_path, &node, "1-2")).status, 200);  // the version before
    EXPECT_EQ((co_await guarded.ask(directory::beat_path, &node, "3-4")).status, 200);  // the next
    EXPECT_THAT(guarded.log.lines.front(),
                AllOf(HasSubstr("a peer speaks other protocol versions too"), HasSubstr("its=1-2")));
    const net::HttpResponse old = co_await guarded.ask(directory::beat_path, &node);  // from when nobody said
    EXPECT_EQ(old.status, 426);
    EXPECT_EQ(old.body, "node-7 speaks protocol versions 1-1, this process 2-3: upgrade the older one");
    EXPECT_EQ((co_await guarded.ask(directory::beat_path, &node, "4-5")).status, 426);
    EXPECT_EQ((co_await guarded.ask(directory::beat_path, &node, "nonsense")).status, 426);
    EXPECT_THAT(guarded.log.lines.back(), AllOf(HasSubstr("turned away"), HasSubstr("upgrade the older one")));
  });
}

}  // namespace
}  // namespace weir::cli
