// FakeKinesis: as much of the API as the commands call, in memory and in a simulation, with faults at will.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/settings.h"
#include "env/core.h"
#include "fmt/format.h"
#include "kinesis/decode.h"
#include "kinesis/dispatch.h"
#include "kinesis/encode.h"
#include "kinesis/shapes/get_records.h"
#include "kinesis/shapes/get_shard_iterator.h"
#include "kinesis/shapes/list_shards.h"
#include "kinesis/shapes/put_records.h"
#include "net/server.h"
#include "tests/support/must.h"

namespace weir::test {

struct FakeRecord {
  std::string partition_key;
  std::string data;
  WallTime arrival;
};

struct FakeShard {
  unsigned low = 0;  // the hashes that belong to it, up to and with `high`
  unsigned high = 255;
  std::vector<std::string> parents;
  std::vector<std::string> children;  // of a closed shard
  std::vector<FakeRecord> records;    // a record's number is its place, from 1
  std::deque<MonotonicTime> reads;    // within the last second
  [[nodiscard]] bool is_closed() const { return !children.empty(); }
};

// One stream, "here", with one shard at first. Hashes have eight bits.
class FakeKinesis final : public net::HttpHandler {
 public:
  using Reply = std::expected<std::string, kinesis::ApiError>;

  explicit FakeKinesis(env::Core& core) : core_(core) { static_cast<void>(add_shard({}, 0, 255)); }

  // Listens on port 4567 of loopback; again after stop().
  [[nodiscard]] env::Task<void> start() {
    std::vector<net::ServingCore> cores{{core_, *this}};
    net::HttpServerOptions options{.endpoint = {"127.0.0.1", 4567}, .backlog = 128, .tls = nullptr};
    server_ = must(co_await net::HttpServer::start(core_, std::move(cores), resources_, std::move(options)));
  }
  [[nodiscard]] env::Task<void> stop() {
    co_await server_->stop(Duration::zero());
    server_.reset();
  }

  void put(const std::string& partition_key, const std::string& data) {
    unsigned hash = 0;
    for (const char c : partition_key) hash = (hash * 31 + static_cast<unsigned char>(c)) * 97 % 256;
    for (auto& [id, shard] : shards) {
      if (shard.is_closed() || hash < shard.low || hash > shard.high) continue;
      shard.records.push_back({partition_key, data, core_.wall_now()});
    }
  }
  void split(const std::string& shard_id) {
    const auto [low, high] = std::pair(shards.at(shard_id).low, shards.at(shard_id).high);
    const unsigned middle = (low + high) / 2;
    std::string first = add_shard({shard_id}, low, middle);
    std::string second = add_shard({shard_id}, middle + 1, high);
    shards.at(shard_id).children = {std::move(first), std::move(second)};
  }
  // `other` begins where `shard_id` ends.
  void merge(const std::string& shard_id, const std::string& other) {
    const std::string child = add_shard({shard_id, other}, shards.at(shard_id).low, shards.at(other).high);
    shards.at(shard_id).children = {child};
    shards.at(other).children = {child};
  }
  // In the order of their hashes.
  [[nodiscard]] std::vector<std::string> open_shards() const {
    std::vector<std::string> open;
    for (const auto& [id, shard] : shards) {
      if (!shard.is_closed()) open.push_back(id);
    }
    std::ranges::sort(open, {}, [this](const std::string& id) { return shards.at(id).low; });
    return open;
  }
  // As retention does: the shard and all that it held are gone.
  void forget(const std::string& shard_id) { shards.erase(shard_id); }
  void expire_iterators() { ++iterator_generation_; }

  // Asked before each request is served: what it returns is the answer.
  std::function<std::optional<kinesis::ApiError>(kinesis::Operation)> fault;
  // Of each entry of PutRecords; true refuses it.
  std::function<bool()> refuses_entry;

  std::map<std::string, FakeShard> shards;
  std::uint32_t requests = 0;
  std::size_t reads_per_second_max = 0;  // of any shard
  std::size_t page_records_max = 3;
  std::size_t page_shards_max = 2;

  [[nodiscard]] env::Task<net::HttpResponse> handle(net::HttpRequest& request) override {
    ++requests;
    co_await core_.yield();
    const auto operation = kinesis::parse_target(request.header("x-amz-target").value_or(""));
    Reply reply = std::unexpected(kinesis::errors::unknown_operation());
    std::optional<kinesis::ApiError> failed;
    if (operation && fault) failed = fault(*operation);
    if (failed)
      reply = std::unexpected(*failed);
    else if (operation)
      reply = serve(*operation, request.body);
    const kinesis::Answer answer = reply ? kinesis::success_answer(*reply, kinesis::Encoding::json)
                                         : kinesis::error_answer(reply.error(), kinesis::ErrorForm::json);
    co_return net::HttpResponse{.status = answer.status, .headers = {}, .body = answer.body};
  }
  [[nodiscard]] net::HttpResponse refuse(std::uint16_t status) override {
    return {.status = status, .headers = {}, .body = {}};
  }

 private:
  template <class Input>
  static Input decoded(MutableBytes body) {
    auto input = kinesis::decode_request<Input>(kinesis::Encoding::json, body);
    WEIR_ASSERT_NOTE(input.has_value(), "clients send what is valid");
    return *std::move(input);
  }
  template <class Output>
  static Reply encoded(const Output& output) {
    return kinesis::encode(kinesis::Encoding::json, output);
  }

  Reply serve(kinesis::Operation operation, MutableBytes body) {
    switch (operation) {
      case kinesis::Operation::list_shards: return list_shards(decoded<kinesis::ListShardsInput>(body));
      case kinesis::Operation::get_shard_iterator:
        return get_shard_iterator(decoded<kinesis::GetShardIteratorInput>(body));
      case kinesis::Operation::get_records: return get_records(decoded<kinesis::GetRecordsInput>(body));
      case kinesis::Operation::put_records: return put_records(decoded<kinesis::PutRecordsInput>(body));
      default: return std::unexpected(kinesis::errors::unknown_operation());
    }
  }

  // The token is the last shard of the page before, behind the letter of the filter.
  Reply list_shards(const kinesis::ListShardsInput& input) const {
    if (!input.next_token && input.stream_name != "here") return std::unexpected(not_found());
    const std::string token(input.next_token.value_or(""));
    const bool only_open =
        token.empty() ? input.shard_filter->type == kinesis::ShardFilterType::at_latest : token.starts_with('o');
    kinesis::ListShardsOutput output;
    for (const auto& [id, shard] : shards) {
      if ((!token.empty() && id <= token.substr(1)) || (only_open && shard.is_closed())) continue;
      if (output.shards.size() == page_shards_max) {
        output.next_token = (only_open ? "o" : "a") + output.shards.back().shard_id;
        break;
      }
      kinesis::Shard& listed = output.shards.emplace_back();
      listed.shard_id = id;
      if (!shard.parents.empty()) listed.parent_shard_id = shard.parents[0];
      if (shard.parents.size() > 1) listed.adjacent_parent_shard_id = shard.parents[1];
    }
    return encoded(output);
  }

  Reply get_shard_iterator(const kinesis::GetShardIteratorInput& input) const {
    using model::ShardIteratorType;
    const std::string id(*input.shard_id);
    const auto shard = shards.find(id);
    if (shard == shards.end() || input.stream_name != "here") return std::unexpected(not_found());
    const std::vector<FakeRecord>& records = shard->second.records;
    std::size_t position = 0;
    switch (input.shard_iterator_type->value) {
      case ShardIteratorType::trim_horizon: break;
      case ShardIteratorType::latest: position = records.size(); break;
      case ShardIteratorType::after_sequence_number:
        position = std::stoul(std::string(*input.starting_sequence_number));
        break;
      case ShardIteratorType::at_sequence_number: return std::unexpected(kinesis::errors::iterator_invalid());
      case ShardIteratorType::at_timestamp:
        const auto first =
            std::ranges::find_if(records, [&](const FakeRecord& record) { return record.arrival >= *input.timestamp; });
        position = static_cast<std::size_t>(first - records.begin());
        break;
    }
    return encoded(kinesis::GetShardIteratorOutput{iterator(id, position)});
  }

  Reply get_records(const kinesis::GetRecordsInput& input) {
    const std::string token(*input.shard_iterator);  // "shard:position:generation"
    const std::size_t colon = token.find(':');
    const std::string id = token.substr(0, colon);
    std::size_t digits = 0;
    std::size_t position = std::stoul(token.substr(colon + 1), &digits);
    if (std::stoul(token.substr(colon + 1 + digits + 1)) != iterator_generation_) {
      return std::unexpected(kinesis::errors::iterator_expired(core_.wall_now(), core_.wall_now()));
    }
    const auto found = shards.find(id);
    if (found == shards.end()) return std::unexpected(not_found());
    FakeShard& shard = found->second;
    count_read(shard);
    kinesis::GetRecordsOutput output;
    std::deque<std::string> numbers;
    for (; position < shard.records.size() && output.records.size() < page_records_max; ++position) {
      const FakeRecord& record = shard.records[position];
      output.records.push_back({.sequence_number = numbers.emplace_back(std::to_string(position + 1)),
                                .approximate_arrival_timestamp = record.arrival,
                                .data = as_bytes(record.data),
                                .partition_key = record.partition_key,
                                .encryption_type = {}});
    }
    const bool at_end = position == shard.records.size();
    output.millis_behind_latest = at_end ? 0 : 1'000;
    if (at_end && shard.is_closed()) {
      auto& children = output.child_shards.emplace();
      for (const std::string& child : shard.children) children.push_back({child, shards.at(child).parents, {}});
    } else {
      output.next_shard_iterator = iterator(id, position);
    }
    return encoded(output);
  }

  Reply put_records(const kinesis::PutRecordsInput& input) {
    if (input.stream_name != "here") return std::unexpected(not_found());
    kinesis::PutRecordsOutput output;
    for (const kinesis::PutRecordsRequestEntry& entry : *input.records) {
      kinesis::PutRecordsResultEntry& outcome = output.records.emplace_back();
      if (refuses_entry && refuses_entry()) {
        outcome.error_code = "ProvisionedThroughputExceededException";
        outcome.error_message = "Rate exceeded.";
        ++output.failed_record_count;
      } else {
        put(std::string(*entry.partition_key), std::string(as_text(*entry.data)));
        outcome.shard_id = shards.begin()->first;
        outcome.sequence_number = "1";
      }
    }
    return encoded(output);
  }

  void count_read(FakeShard& shard) {
    const MonotonicTime now = core_.now();
    while (!shard.reads.empty() && shard.reads.front() <= now - seconds(1)) shard.reads.pop_front();
    shard.reads.push_back(now);
    reads_per_second_max = std::max(reads_per_second_max, shard.reads.size());
  }
  static kinesis::ApiError not_found() { return kinesis::errors::stream_not_found("there", "000000000000"); }
  [[nodiscard]] std::string iterator(const std::string& shard_id, std::size_t position) const {
    return fmt::format("{}:{}:{}", shard_id, position, iterator_generation_);
  }
  std::string add_shard(std::vector<std::string> parents, unsigned low, unsigned high) {
    std::string id = fmt::format("shardId-{:012}", shards_made_++);
    FakeShard& shard = shards[id];
    shard.parents = std::move(parents);
    shard.low = low;
    shard.high = high;
    return id;
  }

  env::Core& core_;
  SettingsRegistry settings_registry_;
  net::HttpSettings settings_{settings_registry_};
  MetricsRegistry metrics_registry_;
  net::HttpMetrics metrics_{metrics_registry_};
  net::HttpResources resources_{settings_, metrics_};
  std::unique_ptr<net::HttpServer> server_;
  std::uint32_t iterator_generation_ = 0;
  std::uint32_t shards_made_ = 0;
};

}  // namespace weir::test
