#include "directory/tenants/tenants.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "directory/map/map_codec.h"
#include "directory/map/map_delta.h"
#include "directory/map/map_history.h"
#include "directory/map/shard_map_builder.h"
#include "tests/directory/fixture.h"
#include "tests/directory/map_support.h"

namespace weir::directory::test {
namespace {

constexpr TenantLimits limits{.fleets_max = 4, .accounts_max = 8};
const WallTime until = wall_time_ms(1'000);
const std::string a = "000000000001";
const std::string b = "000000000002";

// Fleets `default`, which serves all others, and `big`, which names `a`.
FleetStates two_fleets() {
  FleetStates fleets = put_fleet({}, "default", {}, true, until, limits).value();
  fleets = put_fleet(fleets, "big", {a}, false, until, limits).value();
  return without_left_accounts(fleets, until);
}

// Whether a front end of the fleet serves the account by its slice.
bool serves(const FleetStates& fleets, const std::string& fleet, const std::string& account) {
  ShardMapBuilder builder;
  for (const auto& [name, state] : fleets) builder.set_fleet(name, fleet_of(state));
  const auto filter = SliceFilter::make(*builder.build(1), MapSlice::of_fleet(fleet));
  return filter && filter->contains_credential_of(account);
}

TEST(Tenants, WithoutFleetsEveryFleetServesEveryAccount) {
  EXPECT_TRUE(serves({}, "default", a));
  EXPECT_TRUE(serves({}, "another", b));
}

TEST(Tenants, AFleetServesOnlyItsAccountsAndTheDefaultTheRest) {
  const FleetStates fleets = two_fleets();
  EXPECT_TRUE(serves(fleets, "big", a));
  EXPECT_FALSE(serves(fleets, "big", b));
  EXPECT_FALSE(serves(fleets, "default", a));
  EXPECT_TRUE(serves(fleets, "default", b));
}

TEST(Tenants, AnAccountThatMovesIsServedByBothFleetsUntilTheOverlapHasPassed) {
  FleetStates fleets = assign_account(two_fleets(), b, "big", until, limits).value();
  EXPECT_TRUE(serves(fleets, "big", b));
  EXPECT_TRUE(serves(fleets, "default", b));  // which named it nowhere
  EXPECT_EQ(without_left_accounts(fleets, until - milliseconds(1)), fleets);
  fleets = without_left_accounts(fleets, until);
  EXPECT_FALSE(serves(fleets, "default", b));
  // Back again, and a fleet that has an account again is not leaving it.
  fleets = assign_account(fleets, b, "default", until, limits).value();
  EXPECT_TRUE(serves(fleets, "big", b));
  fleets = assign_account(fleets, b, "big", until, limits).value();
  EXPECT_TRUE(fleets.at("big").leaving.empty());
  EXPECT_TRUE(serves(fleets, "default", b));
}

TEST(Tenants, AnAccountThatAFleetNoLongerNamesIsServedByBothToo) {
  const FleetStates fleets = put_fleet(two_fleets(), "big", {}, false, until, limits).value();
  EXPECT_TRUE(serves(fleets, "big", a));
  EXPECT_TRUE(serves(fleets, "default", a));
}

TEST(Tenants, NoTwoFleetsNameOneAccountAndOneServesAllOthers) {
  const FleetStates fleets = two_fleets();
  EXPECT_EQ(put_fleet({}, "big", {a}, false, until, limits).error().code, ErrorCode::conflict);
  EXPECT_EQ(put_fleet(fleets, "default", {}, false, until, limits).error().code, ErrorCode::conflict);
  EXPECT_EQ(put_fleet(fleets, "third", {a}, false, until, limits).error().code, ErrorCode::conflict);
  EXPECT_EQ(assign_account(fleets, a, "nobody", until, limits).error().code, ErrorCode::not_found);
  for (const char* account : {"", "12345678901", "1234567890123", "12345678901x"}) {
    EXPECT_EQ(put_fleet(fleets, "third", {account}, false, until, limits).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(assign_account(fleets, account, "big", until, limits).error().code, ErrorCode::invalid_argument);
  }
  for (const std::string& name : {std::string(), std::string("a/b"), std::string(65, 'x'), std::string("a b")}) {
    EXPECT_EQ(put_fleet(fleets, name, {}, false, until, limits).error().code, ErrorCode::invalid_argument);
  }
}

TEST(Tenants, AFleetThatServesSomebodyIsNotRemovedUnlessItIsTheOnlyOne) {
  FleetStates fleets = two_fleets();
  EXPECT_EQ(remove_fleet(fleets, "nobody").error().code, ErrorCode::not_found);
  EXPECT_EQ(remove_fleet(fleets, "big").error().code, ErrorCode::conflict);
  fleets = assign_account(fleets, a, "default", until, limits).value();
  EXPECT_EQ(remove_fleet(fleets, "big").error().code, ErrorCode::conflict);  // it is still leaving
  fleets = without_left_accounts(fleets, until);
  EXPECT_EQ(remove_fleet(fleets, "default").error().code, ErrorCode::conflict);
  fleets = remove_fleet(fleets, "big").value();
  EXPECT_TRUE(remove_fleet(fleets, "default").value().empty());
}

TEST(Tenants, FleetsAndAccountsAreBounded) {
  FleetStates fleets = two_fleets();
  fleets = put_fleet(fleets, "third", {}, false, until, limits).value();
  fleets = put_fleet(fleets, "fourth", {}, true, until, limits).value();
  EXPECT_EQ(put_fleet(fleets, "fifth", {}, false, until, limits).error().code, ErrorCode::limit_exceeded);
  std::set<std::string> accounts;
  for (int i = 10; i < 19; ++i) accounts.insert("0000000000" + std::to_string(i));
  EXPECT_EQ(put_fleet(fleets, "third", accounts, false, until, limits).error().code, ErrorCode::limit_exceeded);
}

// Whatever is commanded: an account that somebody served is served at every moment by a fleet that served it before the
// command, too, so that no front end waits for its map.
RC_GTEST_PROP(Tenants, NoCommandLeavesAnAccountToFrontEndsThatHaveYetToHearOfIt, ()) {
  const std::vector<std::string> accounts{a, b, "000000000003"};
  const std::vector<std::string> names{"default", "big", "third"};
  FleetStates fleets = two_fleets();
  for (int step = 0; step < 12; ++step) {
    const auto& name = *rc::gen::elementOf(names);
    const auto& account = *rc::gen::elementOf(accounts);
    Result<FleetStates> next = fleets;
    switch (*rc::gen::inRange(0, 4)) {
      case 0: next = assign_account(fleets, account, name, until, limits); break;
      case 1: next = remove_fleet(fleets, name); break;
      case 2: {
        const bool all_others = fleets.contains(name) ? fleets.at(name).serves_all_others : *rc::gen::arbitrary<bool>();
        std::set<std::string> some;
        for (const std::string& each : accounts) {
          if (*rc::gen::arbitrary<bool>()) some.insert(each);
        }
        next = put_fleet(fleets, name, some, all_others, until, limits);
        break;
      }
      default: next = without_left_accounts(fleets, until);
    }
    if (!next || next->empty()) continue;
    const bool time_passed = *next == without_left_accounts(fleets, until);
    for (const std::string& each : accounts) {
      const bool is_held = std::ranges::any_of(names, [&](const std::string& fleet) {
        return fleets.contains(fleet) && serves(fleets, fleet, each) && serves(*next, fleet, each);
      });
      RC_ASSERT((is_held || time_passed));
      RC_ASSERT(std::ranges::any_of(names, [&](const auto& fleet) { return serves(*next, fleet, each); }));
    }
    const auto stored = decode_fleets(encode_fleets(*next));
    RC_ASSERT((stored.has_value() && *stored == *next));
    fleets = *std::move(next);
  }
}

TEST(Tenants, StoredFleetsThatBreakARuleAreCorrupt) {
  FleetStates fleets = two_fleets();
  fleets["default"].accounts = {a};
  EXPECT_EQ(decode_fleets(encode_fleets(fleets)).error().code, ErrorCode::corrupt);
  fleets["default"].accounts = {"x"};
  EXPECT_EQ(decode_fleets(encode_fleets(fleets)).error().code, ErrorCode::corrupt);
  EXPECT_EQ(decode_fleets("\xff").error().code, ErrorCode::corrupt);
  EXPECT_EQ(decode_credential("AKIA", "\xff").error().code, ErrorCode::corrupt);
  EXPECT_EQ(decode_credential("AKIA", encode_credential({.account = a, .sealed = ""})).error().code,
            ErrorCode::corrupt);
  EXPECT_EQ(decode_credential("a/b", encode_credential({.account = a, .sealed = "s"})).error().code,
            ErrorCode::corrupt);
  const SealedCredential credential{.account = a, .expires = wall_time_ms(5), .sealed = "\xff\x01"};
  EXPECT_EQ(decode_credential("AKIA", encode_credential(credential)).value(), credential);
}

std::shared_ptr<const SealedCredential> find(const ShardMap& map, const std::string& id) {
  const auto found = map.credentials().find(id);
  return found == map.credentials().end() ? nullptr : found->second;
}

TEST(TenantCommands, FleetsAndCredentialsArePublishedAndSurviveARestart) {
  World world;
  world.run([](Process& process) -> env::Task<void> {
    Directory& directory = process.directory;
    EXPECT_TRUE(co_await directory.put_fleet("default", {}, true, seconds(0)));
    EXPECT_TRUE(co_await directory.put_fleet("big", {a}, false, seconds(0)));
    EXPECT_TRUE(co_await directory.put_credential("AKIA1", {.account = a, .sealed = "one"}));
    EXPECT_TRUE(
        co_await directory.put_credential("AKIA2", {.account = b, .expires = wall_time_ms(9), .sealed = "two"}));
    EXPECT_TRUE(co_await directory.put_credential("AKIA3", {.account = b, .sealed = "three"}));
    EXPECT_TRUE(co_await directory.remove_credential("AKIA3"));
    EXPECT_EQ(process.cell.map()->credentials().size(), 2U);
    EXPECT_TRUE(process.cell.map()->fleets().at("big")->accounts.contains(a));
  });
  world.run([](Process& process) -> env::Task<void> {
    co_await process.core.yield();
    const ShardMap& map = *process.cell.map();
    EXPECT_EQ(map.fleets().size(), 2U);
    EXPECT_TRUE(map.fleets().at("default")->serves_all_others);
    EXPECT_EQ(*find(map, "AKIA2"), (SealedCredential{.account = b, .expires = wall_time_ms(9), .sealed = "two"}));
    EXPECT_EQ(find(map, "AKIA3"), nullptr);
    Directory& directory = process.directory;
    EXPECT_TRUE(co_await directory.put_fleet("big", {}, false, seconds(0)));
  });
}

TEST(TenantCommands, ACredentialStaysWithItsAccountAndTheirNumberIsBounded) {
  World world;
  world.settings.set("directory.credentials_max=2");
  world.run([](Process& process) -> env::Task<void> {
    Directory& directory = process.directory;
    EXPECT_TRUE(co_await directory.put_credential("AKIA1", {.account = a, .sealed = "one"}));
    const auto other = co_await directory.put_credential("AKIA1", {.account = b, .sealed = "one"});
    EXPECT_EQ(other.error().code, ErrorCode::conflict);
    EXPECT_TRUE(co_await directory.put_credential("AKIA1", {.account = a, .sealed = "two"}, "one"));
    const auto stale = co_await directory.put_credential("AKIA1", {.account = a, .sealed = "three"}, "one");
    EXPECT_EQ(stale.error().code, ErrorCode::conflict);
    EXPECT_EQ(find(*process.cell.map(), "AKIA1")->sealed, "two");
    EXPECT_TRUE(co_await directory.put_credential("AKIA2", {.account = b, .sealed = "one"}));
    const auto one_more = co_await directory.put_credential("AKIA3", {.account = b, .sealed = "one"});
    EXPECT_EQ(one_more.error().code, ErrorCode::limit_exceeded);
    EXPECT_EQ((co_await directory.remove_credential("AKIA3")).error().code, ErrorCode::not_found);
    EXPECT_TRUE(co_await directory.put_credential("AKIA2", {.account = b, .sealed = "changed"}));  // no new one
    const auto nobody = co_await directory.put_credential("AKIA2", {.account = "b", .sealed = "one"});
    EXPECT_EQ(nobody.error().code, ErrorCode::invalid_argument);
  });
}

TEST(TenantCommands, AnAccountThatLeftIsDroppedWhenItsTimeHasPassed) {
  World world;
  world.run([](Process& process) -> env::Task<void> {
    Directory& directory = process.directory;
    EXPECT_TRUE(co_await directory.put_fleet("default", {}, true, seconds(0)));
    EXPECT_TRUE(co_await directory.put_fleet("big", {}, false, seconds(0)));
    EXPECT_TRUE(co_await directory.assign_account(a, "big", seconds(100)));
    EXPECT_EQ(process.cell.map()->fleets().at("default")->leaving, std::set<std::string>{a});
    co_await process.core.sleep_for(seconds(90));
    EXPECT_EQ(process.cell.map()->fleets().at("default")->leaving, std::set<std::string>{a});
    co_await process.core.sleep_for(seconds(100));
    EXPECT_TRUE(process.cell.map()->fleets().at("default")->leaving.empty());
    EXPECT_TRUE(process.cell.map()->fleets().at("big")->accounts.contains(a));
  });
}

TEST(TenantCommands, WithoutAnOverlapTheOldFleetStopsAtOnce) {
  World world;
  world.run([](Process& process) -> env::Task<void> {
    Directory& directory = process.directory;
    EXPECT_TRUE(co_await directory.put_fleet("default", {}, true, seconds(0)));
    EXPECT_TRUE(co_await directory.put_fleet("big", {a}, false, seconds(0)));
    EXPECT_TRUE(process.cell.map()->fleets().at("default")->leaving.empty());
    EXPECT_TRUE(co_await directory.assign_account(a, "default", seconds(10)));
    EXPECT_EQ((co_await directory.remove_fleet("big")).error().code, ErrorCode::conflict);
    co_await process.core.sleep_for(seconds(11));
    EXPECT_TRUE(co_await directory.remove_fleet("big"));  // though nothing has looked for what has left
    EXPECT_EQ(process.cell.map()->fleets().size(), 1U);
  });
}

TEST(TenantCommands, AnAnswerThatIsLostChangesNothingTwice) {
  World world;
  int calls = 0;
  world.store_options.fault = [&calls](metastore::MetastoreCall call) {
    const bool is_lost = call == metastore::MetastoreCall::commit && ++calls % 3 == 0;
    return is_lost ? metastore::MetastoreFault::lost_after : metastore::MetastoreFault::none;
  };
  world.run([](Process& process) -> env::Task<void> {
    for (int i = 0; i < 20; ++i) {
      const std::string id = "AKIA" + std::to_string(i);
      static_cast<void>(co_await process.directory.put_credential(id, {.account = a, .sealed = "x"}));
      const auto again = co_await process.directory.put_credential(id, {.account = a, .sealed = "y"});
      const auto published = find(*process.cell.map(), id);
      if (again) EXPECT_TRUE(published != nullptr && published->sealed == "y");
    }
  });
}

TEST(MapSlice, AChangeOfOneCredentialResendsNoStream) {
  GrowingMap growing(3);
  growing.grow(100);
  MapHistory history({});
  history.add(growing.map());
  const MapId held = growing.map()->id();
  ShardMapBuilder builder(*growing.map());
  builder.set_credential(
      "AKIA", std::make_shared<SealedCredential>(SealedCredential{.account = "000000000000", .sealed = "new"}));
  history.add(builder.build(growing.map()->version() + 1));
  ASSERT_TRUE(history.reaches(held, MapSlice::of_fleet("default")));
  const MapDelta delta = history.since(held, MapSlice::of_fleet("default"));
  EXPECT_TRUE(delta.streams.empty());
  EXPECT_EQ(delta.credentials.size(), 1U);
  EXPECT_TRUE(history.since(held, MapSlice::of_fleet("big")).credentials.empty());
  EXPECT_TRUE(history.since(held, MapSlice::of_cell(0)).credentials.empty());
}

TEST(MapSlice, AFleetGetsTheCredentialsOfItsAccountsAlone) {
  ShardMapBuilder builder;
  for (const auto& [name, fleet] : two_fleets()) builder.set_fleet(name, fleet_of(fleet));
  for (const std::string& account : {a, b}) {
    builder.set_credential("AKIA" + account,
                           std::make_shared<SealedCredential>(SealedCredential{.account = account, .sealed = "x"}));
  }
  const auto map = builder.build(1);
  for (const auto& [name, account] : {std::pair{"big", a}, {"default", b}}) {
    const MapSlice slice = MapSlice::of_fleet(name);
    const auto part = decode_map(*encode_map(*map, slice), slice).value();
    EXPECT_EQ(part->credentials().size(), 1U);
    EXPECT_TRUE(part->credentials().contains("AKIA" + account));
  }
  const auto node = decode_map(*encode_map(*map, MapSlice::of_cell(0)), MapSlice::of_cell(0)).value();
  EXPECT_TRUE(node->credentials().empty());
}

}  // namespace
}  // namespace weir::directory::test
