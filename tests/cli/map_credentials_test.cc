// A directory and front ends of two fleets: who lets whom in, as fleets and access keys change while all of them run.
#include "cli/map_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "directory/directory.h"
#include "directory/map/map_codec.h"
#include "env/sim/simulation.h"
#include "metastore/memory_metastore.h"
#include "tests/frontend/authentication_support.h"

namespace weir::cli {
namespace {

using frontend::Credential;
using frontend::SecretKeys;
using kinesis::ApiErrorCode;
using testing::HasSubstr;

const std::string a = "000000000001";
const std::string b = "000000000002";
constexpr const char* key_file = "/keys";

class NoCells final : public directory::ShardCloser {
 public:
  env::Task<Result<directory::ShardClosing>> close_shard(LaneId, ShardKey, directory::ShardOrder) override {
    co_return fail(ErrorCode::unavailable, "there are no cells");
  }
  env::Task<void> reopen_shard(LaneId, ShardKey, directory::ShardOrder) override { co_return; }
};

// What a front end of a fleet gets of the directory's maps, by way of their bytes.
class Slice final : public directory::MapListener {
 public:
  Slice(std::string fleet, MapCredentials& credentials)
      : slice_(directory::MapSlice::of_fleet(std::move(fleet))), credentials_(credentials) {}
  env::Task<void> apply(directory::ShardMapPointer map) override {
    const auto bytes = directory::encode_map(*map, slice_);
    if (bytes) co_await credentials_.apply(directory::decode_map(*bytes, slice_).value());
  }

 private:
  const directory::MapSlice slice_;
  MapCredentials& credentials_;
};

struct World {
  env::Simulation simulation{{.seed = 1, .cores = 2}};
  env::Core& core = simulation.core(0);
  SettingsRegistry registry;
  ServerSettings server{registry};
  directory::DirectorySettings directory_settings{registry};
  MetricsRegistry metrics_registry;
  directory::DirectoryMetrics directory_metrics{metrics_registry};
  frontend::FrontEndMetrics metrics{metrics_registry};
  std::string key_text;
  std::unique_ptr<directory::Directory> directory;
  std::map<std::string, std::unique_ptr<MapCredentials>> fleets;

  env::Task<void> write_keys(std::string text, std::uint32_t permissions = 0600) {
    EXPECT_TRUE(co_await env::replace_file(core.files(), key_file, text, permissions));
    key_text = std::move(text);
  }

  env::Task<Result<void>> put(std::string id, std::string account, std::string secret) {
    const SecretKeys keys = SecretKeys::parse(key_text, key_file).value();
    directory::SealedCredential credential{.account = account};
    credential.sealed = keys.seal(core, {id, account, std::nullopt}, {std::move(secret), ""}).value();
    co_return co_await directory->put_credential(std::move(id), std::move(credential));
  }

  // What each core of the fleet's front end says to a signed request; all say the same.
  env::Task<std::optional<ApiErrorCode>> ask(std::string fleet, std::string id, std::string secret) {
    std::optional<ApiErrorCode> answer;
    for (std::uint32_t i = 0; i < simulation.core_count(); ++i) {
      env::Core& there = simulation.core(i);
      co_await there.enter();
      frontend::TestRequest request;
      request.sign(Credential{.access_key_id = id, .secret_access_key = secret}, there.wall_now());
      const auto identity = fleets.at(fleet)->authenticator(i).authenticate(request.http(), there.wall_now());
      const auto said = identity ? std::nullopt : std::optional(identity.error().code);
      if (i > 0) EXPECT_EQ(said, answer);
      answer = said;
    }
    co_await core.enter();
    co_return answer;
  }

  // `test` runs with fleets `default` and `big`, none of them defined.
  void run(const std::function<env::Task<void>(World&)>& test) {
    const auto outcome = simulation.run_to_outcome([&]() -> env::Task<int> {
      const auto store = metastore::make_memory_metastore(core, std::make_shared<metastore::MemoryMetastoreContent>());
      co_await write_keys(frontend::make_secret_key_file(core));
      directory =
          (co_await directory::Directory::open(core, *store, 64, directory_settings, directory_metrics)).value();
      std::vector<std::unique_ptr<Slice>> slices;
      for (const char* fleet : {"default", "big"}) {
        fleets[fleet] = (co_await MapCredentials::start(simulation, server, key_file, metrics)).value();
        slices.push_back(std::make_unique<Slice>(fleet, *fleets[fleet]));
        directory->add_listener(*slices.back());
      }
      NoCells cells;
      co_await directory->start(cells);
      co_await test(*this);
      co_await directory->stop();
      for (auto& [name, fleet] : fleets) co_await fleet->stop();
      co_return 0;
    });
    EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
  }
};

TEST(MapCredentials, AFleetRefusesTheKeysOfAnotherAndServesItsOwnAsTheMapChanges) {
  World world;
  world.run([](World& fleet) -> env::Task<void> {
    EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), ApiErrorCode::unrecognized_client);
    EXPECT_TRUE(co_await fleet.put("AKIA1", a, "one"));
    EXPECT_TRUE(co_await fleet.put("AKIA2", b, "two"));
    for (const char* name : {"default", "big"}) {  // there are no fleets yet: each serves every account
      EXPECT_EQ(co_await fleet.ask(name, "AKIA1", "one"), std::nullopt);
      EXPECT_EQ(co_await fleet.ask(name, "AKIA2", "two"), std::nullopt);
      EXPECT_EQ(co_await fleet.ask(name, "AKIA2", "one"), ApiErrorCode::invalid_signature);
    }
    EXPECT_TRUE(co_await fleet.directory->put_fleet("default", {}, true, seconds(0)));
    EXPECT_TRUE(co_await fleet.directory->put_fleet("big", {}, false, seconds(0)));
    EXPECT_EQ(co_await fleet.ask("big", "AKIA1", "one"), ApiErrorCode::unrecognized_client);
    EXPECT_TRUE(co_await fleet.directory->assign_account(a, "big", seconds(30)));
    EXPECT_EQ(co_await fleet.ask("big", "AKIA1", "one"), std::nullopt);
    EXPECT_EQ(co_await fleet.ask("big", "AKIA2", "two"), ApiErrorCode::unrecognized_client);
    EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), std::nullopt);  // it is leaving
    co_await fleet.core.sleep_for(seconds(100));
    EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), ApiErrorCode::unrecognized_client);
    EXPECT_EQ(co_await fleet.ask("default", "AKIA2", "two"), std::nullopt);
    EXPECT_TRUE(co_await fleet.put("AKIA1", a, "changed"));
    EXPECT_EQ(co_await fleet.ask("big", "AKIA1", "one"), ApiErrorCode::invalid_signature);
    EXPECT_EQ(co_await fleet.ask("big", "AKIA1", "changed"), std::nullopt);
    EXPECT_TRUE(co_await fleet.directory->remove_credential("AKIA1"));
    EXPECT_EQ(co_await fleet.ask("big", "AKIA1", "changed"), ApiErrorCode::unrecognized_client);
  });
}

TEST(MapCredentials, TheSecretsKeyIsChangedWithoutARestartAndWithoutARefusedRequest) {
  World world;
  world.run([](World& fleet) -> env::Task<void> {
    EXPECT_TRUE(co_await fleet.put("AKIA1", a, "one"));
    const std::string old_text = fleet.key_text;
    const std::string new_text = frontend::make_secret_key_file(fleet.core);
    // First every front end learns the new key, then it encrypts, then the old one goes.
    for (const std::string& text : {old_text + new_text, new_text + old_text}) {
      co_await fleet.write_keys(text);
      co_await fleet.core.sleep_for(seconds(3));
      EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), std::nullopt);
    }
    EXPECT_TRUE(co_await fleet.put("AKIA1", a, "one"));
    co_await fleet.write_keys(new_text);
    co_await fleet.core.sleep_for(seconds(3));
    EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), std::nullopt);
    EXPECT_EQ(fleet.metrics.credentials_unusable.value(), 0);
    EXPECT_EQ(fleet.metrics.credentials.value(), 1);
  });
}

TEST(MapCredentials, AKeyFileThatCannotBeUsedLeavesWhatIsInForce) {
  World world;
  world.run([](World& fleet) -> env::Task<void> {
    EXPECT_TRUE(co_await fleet.put("AKIA1", a, "one"));
    const std::string text = fleet.key_text;
    EXPECT_EQ(fleet.fleets.at("default")->trouble(), "");
    co_await fleet.write_keys("no key");
    co_await fleet.core.sleep_for(seconds(3));
    EXPECT_THAT(fleet.fleets.at("default")->trouble(), HasSubstr("the secrets keys in /keys cannot be used"));
    EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), std::nullopt);
    co_await fleet.write_keys(frontend::make_secret_key_file(fleet.core));  // another's
    co_await fleet.core.sleep_for(seconds(3));
    EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), std::nullopt);
    EXPECT_EQ(fleet.metrics.credentials_unusable.value(), 1);
    EXPECT_THAT(fleet.fleets.at("default")->trouble(), HasSubstr("1 access keys of the shard map cannot be used"));
    EXPECT_TRUE(co_await fleet.directory->remove_credential("AKIA1"));
    EXPECT_EQ(co_await fleet.ask("default", "AKIA1", "one"), ApiErrorCode::unrecognized_client);
    co_await fleet.write_keys(text, 0640);
    const auto started = co_await MapCredentials::start(fleet.simulation, fleet.server, key_file, fleet.metrics);
    EXPECT_FALSE(started.has_value());
    if (!started) EXPECT_EQ(started.error().code, ErrorCode::invalid_argument);
  });
}

TEST(MapCredentials, TheKeyThatEverybodyKnowsIsRefusedBeyondLoopback) {
  for (const auto& [address, said] : {std::pair<const char*, std::optional<ApiErrorCode>>{"127.0.0.1", std::nullopt},
                                      {"0.0.0.0", ApiErrorCode::unrecognized_client}}) {
    World world;
    EXPECT_TRUE(world.registry.set_assignment(std::string("server.address=") + address));
    world.run([&said](World& fleet) -> env::Task<void> {
      EXPECT_TRUE(co_await fleet.put("test", a, "test"));
      EXPECT_EQ(co_await fleet.ask("default", "test", "test"), said);
    });
  }
}

TEST(MapCredentials, ACredentialsFileBesideTheDirectorysKeysIsRefused) {
  World world;
  EXPECT_TRUE(world.registry.set_assignment("server.credentials_file=/credentials.toml"));
  const auto outcome = world.simulation.run_to_outcome([&]() -> env::Task<int> {
    co_await world.write_keys(frontend::make_secret_key_file(world.core));
    const auto started = co_await MapCredentials::start(world.simulation, world.server, key_file, world.metrics);
    EXPECT_FALSE(started.has_value());
    co_return 0;
  });
  EXPECT_EQ(outcome, env::Outcome::finished);
}

}  // namespace
}  // namespace weir::cli
