#include "tests/frontend/fixture.h"

#include "base/log.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "model/arn.h"
#include "model/shard_id.h"

namespace weir::frontend::test {
namespace {

Credential credential_of(std::string_view account_id) {
  return {.access_key_id = std::string(account_id),
          .secret_access_key = std::string(account_id),
          .account = std::string(account_id)};
}

CredentialsPointer credentials() {
  std::string toml;
  for (const std::string_view each : {account, other_account}) {
    toml +=
        fmt::format("[[credential]]\naccess_key_id = \"{0}\"\nsecret_access_key = \"{0}\"\naccount = \"{0}\"\n", each);
  }
  return credentials_of(toml);
}

Reply to_reply(net::HttpResponse response) {
  Reply reply{.status = response.status,
              .headers = {},
              .raw = std::move(response.body),
              .body = {},
              .ends_connection = response.ends_connection,
              .gives_way = response.gives_way,
              .in_vain = response.in_vain};
  for (auto& [name, value] : response.headers) reply.headers.emplace_back(name, std::move(value));
  const std::string type = reply.header("Content-Type");
  if (reply.raw.empty()) return reply;
  if (type == "application/x-amz-json-1.1") reply.body = WireValue::from_json(reply.raw);
  if (type == "application/x-amz-cbor-1.1") reply.body = WireValue::from_cbor(reply.raw);
  return reply;
}

}  // namespace

std::string Reply::code() const { return ok() ? "" : body["__type"].text(); }

std::string Reply::error() const {
  if (ok()) return {};
  const WireValue& message = body[code() == "SerializationException" ? "Message" : "message"];
  return code() + ": " + (message.is_null() ? "" : message.text());
}

std::string Reply::header(std::string_view name) const {
  for (const auto& [each, value] : headers) {
    if (each == name) return value;
  }
  return {};
}

TestServer::TestServer(env::Simulation& simulation, simulation::World& world, const ServerOptions& options)
    : process_(simulation, world, options.enforce_rates),
      options_(options),
      settings_(process_.settings.registry),
      metrics_(process_.metrics_registry),
      call_rate_metrics_(process_.metrics_registry),
      call_rates_(process_.home, call_rate_metrics_) {
  std::vector<std::string> assignments = {"journal.segment_bytes=32MiB"};  // the largest batch fits
  assignments.insert(assignments.end(), options.settings.begin(), options.settings.end());
  for (const std::string& assignment : assignments) {
    const auto set = process_.settings.registry.set_assignment(assignment);
    EXPECT_TRUE(set.has_value()) << set.error().message;
  }
  world.disk.set_capacity(gibibyte);
}

env::Task<Result<void>> TestServer::open() {
  WEIR_CO_CHECK(co_await process_.open_parts());
  directory_client_ = std::make_unique<directory::LocalDirectory>(process_.home, *process_.directory);
  cell_ = std::make_unique<CellThatKnows>(*process_.cell, options_);
  services_ = std::make_unique<Services>(
      Services{.cell = *cell_,
               .directory = *directory_client_,
               .call_rates = call_rates_,
               .settings = settings_,
               .quotas = process_.settings.directory,
               .metrics = metrics_,
               .account_connections_max = options_.account_connections_max,
               .account_connections_in_background_max = options_.account_connections_in_background_max,
               .enforce_rates = process_.settings.cell.enforce_rates.get()});
  std::vector<FrontEnd*> front_ends;
  for (std::uint32_t i = 0; i < simulation::cores; ++i) {
    authenticators_.push_back(std::make_unique<Authenticator>(credentials()));
    const bool in_background = i == 1 && options_.core_1_in_background;
    front_ends_.push_back(std::make_unique<FrontEnd>(
        process_.simulation.core(i), *services_, *authenticators_.back(), process_.directory->token_key(),
        in_background ? FrontEnd::Place::background : FrontEnd::Place::foreground));
    front_ends.push_back(front_ends_.back().get());
  }
  publisher_ = std::make_unique<cli::MapPublisher>(process_.home, std::move(front_ends));
  process_.directory->add_listener(*publisher_);
  co_await process_.directory->start(*process_.cell);
  co_return Result<void>();
}

std::shared_ptr<const directory::Stream> TestServer::find(const std::string& name) {
  return front_end(0).routes().map()->find(account, "us-east-1", name);
}

env::Task<void> TestServer::settle(std::string name) {
  for (int waits = 0; waits < 100'000; ++waits) {
    const auto stream = find(name);
    if (stream == nullptr || stream->status == directory::StreamStatus::active) co_return;
    co_await home().sleep_for(milliseconds(5));
  }
  ADD_FAILURE() << name << " never settles";
}

TestRequest Client::request(std::string_view operation, const WireValue& input) const {
  const bool is_json = encoding == kinesis::Encoding::json;
  TestRequest request(is_json ? input.to_json() : input.to_cbor());
  request.set("content-type", is_json ? "application/x-amz-json-1.1" : "application/x-amz-cbor-1.1");
  request.set("x-amz-target", "Kinesis_20131202." + std::string(operation));
  return request;
}

env::Task<Reply> Client::send(TestRequest request, bool sign) const {
  if (sign) request.sign(credential_of(account_id), server.now(), region);
  FrontEnd& front_end = server.front_end(core);
  co_await front_end.core().enter();
  net::HttpResponse response = co_await front_end.handle(request.http());
  EXPECT_TRUE(front_end.core().is_current()) << "the answer comes on another core";
  co_await server.home().enter();
  co_return to_reply(std::move(response));
}

env::Task<Reply> Client::call(std::string operation, Map input) const {
  TestRequest made = request(operation, std::move(input));
  return send(std::move(made));
}

env::Task<WireValue> Client::expect(std::string operation, Map input) const {
  Reply reply = co_await call(operation, std::move(input));
  EXPECT_EQ(reply.error(), "") << operation;
  co_return std::move(reply.body);
}

env::Task<void> Client::create(std::string name, std::uint32_t shards) const {
  co_await expect("CreateStream", {{"StreamName", name}, {"ShardCount", shards}});
  for (;;) {
    const auto stream = server.front_end(0).routes().map()->find(account_id, region, name);
    if (stream == nullptr || stream->status == directory::StreamStatus::active) co_return;
    co_await server.home().sleep_for(milliseconds(5));
  }
}

env::Task<std::string> Client::iterator(std::string stream, std::string shard, std::string type, Map more) const {
  more.insert(more.begin(), {{"StreamName", stream}, {"ShardId", shard}, {"ShardIteratorType", type}});
  const WireValue found = co_await expect("GetShardIterator", std::move(more));
  co_return found["ShardIterator"].text();
}

env::Task<WireValue> Client::put(std::string stream, std::string text) const {
  return expect("PutRecord", {{"StreamName", stream}, {"PartitionKey", text}, {"Data", Blob{text}}});
}

env::Task<std::vector<std::string>> Client::read_all(std::string stream, std::string shard) const {
  std::vector<std::string> texts;
  std::string next = co_await iterator(stream, shard, "TRIM_HORIZON");
  for (;;) {
    const WireValue answer = co_await expect("GetRecords", {{"ShardIterator", next}});
    for (const WireValue& record : answer["Records"].items()) texts.push_back(record["Data"].blob());
    if (!answer.has("NextShardIterator") || answer["MillisBehindLatest"].integer() == 0) co_return texts;
    next = answer["NextShardIterator"].text();
  }
}

env::Task<void> reshard_somehow(Client client, std::string stream_name, env::SeededRandom& random) {
  const auto stream = client.server.find(stream_name);
  const auto& open = stream->open_by_hash;
  const std::size_t at = random.below(open.size());
  const directory::Shard& shard = stream->shards[open[at]];
  if (random.coin() && open.size() < 12) {
    const unsigned __int128 width = shard.last_hash.value - shard.first_hash.value;
    const HashKey key{shard.first_hash.value + width / 4 * (1 + random.below(3))};
    static_cast<void>(co_await client.call("SplitShard", {{"StreamName", stream_name},
                                                          {"ShardToSplit", shard_name(shard.index.value)},
                                                          {"NewStartingHashKey", to_string(key)}}));
  } else if (at + 1 < open.size()) {
    const directory::Shard& next = stream->shards[open[at + 1]];
    static_cast<void>(co_await client.call("MergeShards", {{"StreamName", stream_name},
                                                           {"ShardToMerge", shard_name(shard.index.value)},
                                                           {"AdjacentShardToMerge", shard_name(next.index.value)}}));
  }
  co_await client.server.settle(stream_name);
}

std::string shard_name(std::uint32_t index) { return model::shard_id(ShardIndex{index}); }

std::string stream_arn(std::string_view name, std::string_view of_account, std::string_view region) {
  return model::stream_arn(region, of_account, name);
}

namespace {

env::Task<int> serve(TestServer& server, const std::function<env::Task<void>(TestServer&)>& test) {
  const Result<void> opened = co_await server.open();
  EXPECT_TRUE(opened.has_value()) << opened.error().message;
  if (opened.has_value()) co_await test(server);
  co_await server.home().enter();
  co_await server.close();
  co_return 0;
}

}  // namespace

void run_server(const ServerOptions& options, const std::function<env::Task<void>(TestServer&)>& test) {
  set_log_level(LogLevel::error);
  simulation::World world(options.seed);
  env::Simulation simulation({.seed = options.seed,
                              .cores = simulation::cores,
                              .disk = &world.disk,
                              .wall_clock_start = world.wall_clock_start});
  // Left alone when the simulation does not come to its end, as Simulation says.
  auto* const server = new TestServer(simulation, world, options);
  const env::Outcome outcome = simulation.run_to_outcome([&] { return serve(*server, test); });
  EXPECT_EQ(outcome, env::Outcome::finished) << simulation.report();
  if (outcome == env::Outcome::finished) delete server;
}

}  // namespace weir::frontend::test
