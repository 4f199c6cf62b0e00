#include "cli/client/record_putter.h"

#include <utility>

#include "cli/client/backoff.h"
#include "fmt/format.h"
#include "model/limits.h"

namespace weir::cli {
namespace {

// Below what the API takes: Base64 and a slow link make a call of that size a long one.
constexpr std::size_t call_bytes_max = 4 * mebibyte;
constexpr Duration fruitless_time_max = seconds(30);

}  // namespace

std::string random_partition_key(env::Core& core) { return fmt::format("{:016x}", core.random_u64()); }

RecordPutter::RecordPutter(KinesisClient& client, std::string stream, std::string partition_key)
    : client_(client), stream_(std::move(stream)), partition_key_(std::move(partition_key)) {}

env::Task<Result<void>> RecordPutter::add(std::string data) {
  Entry entry{partition_key_.empty() ? random_partition_key(client_.core()) : partition_key_, std::move(data)};
  const bool is_full = held_.size() == model::limits::put_records_entries_max ||
                       (!held_.empty() && held_bytes_ + entry.bytes() > call_bytes_max);
  if (is_full) WEIR_CO_CHECK(co_await flush());
  held_bytes_ += entry.bytes();
  held_.push_back(std::move(entry));
  co_return Result<void>();
}

env::Task<Result<void>> RecordPutter::flush() {
  Backoff backoff(client_.core());
  MonotonicTime give_up = client_.core().now() + fruitless_time_max;
  while (!held_.empty()) {
    const auto answer = co_await client_.call<kinesis::PutRecordsOutput>(kinesis::Operation::put_records, input());
    if (!answer) co_return std::unexpected(to_error(answer.error()));
    const std::uint64_t put_before = records_put_;
    WEIR_CO_TRY(const std::string refusal, settle(**answer));
    if (held_.empty()) break;
    if (records_put_ != put_before) {
      backoff.reset();
      give_up = client_.core().now() + fruitless_time_max;
    }
    if (client_.core().now() >= give_up) co_return fail(ErrorCode::unavailable, refusal);
    co_await client_.interrupt().sleep_until(client_.core().now() + backoff.next());
  }
  co_return Result<void>();
}

kinesis::PutRecordsInput RecordPutter::input() const {
  kinesis::PutRecordsInput input;
  input.stream_name = stream_;
  auto& records = input.records.emplace();
  records.reserve(held_.size());
  for (const Entry& entry : held_) {
    records.push_back({.partition_key = entry.partition_key, .explicit_hash_key = {}, .data = as_bytes(entry.data)});
  }
  return input;
}

Result<std::string> RecordPutter::settle(const kinesis::PutRecordsOutput& output) {
  if (output.records.size() != held_.size()) {
    return fail(ErrorCode::internal,
                fmt::format("the server answered {} records with {} outcomes", held_.size(), output.records.size()));
  }
  std::string refusal;
  std::vector<Entry> refused;
  held_bytes_ = 0;
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const kinesis::PutRecordsResultEntry& outcome = output.records[i];
    if (!outcome.error_code) {
      ++records_put_;
      continue;
    }
    refusal = fmt::format("{}: {}", *outcome.error_code, outcome.error_message.value_or(""));
    held_bytes_ += held_[i].bytes();
    refused.push_back(std::move(held_[i]));
  }
  held_ = std::move(refused);
  return refusal;
}

}  // namespace weir::cli
