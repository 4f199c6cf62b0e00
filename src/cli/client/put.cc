// `weir put`: one record from the command line, or one for each line of standard input.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cli/client/client_command.h"
#include "cli/client/record_putter.h"
#include "cli/commands.h"
#include "cli/text.h"
#include "env/process.h"
#include "fmt/format.h"
#include "kinesis/shapes/put_record.h"
#include "model/limits.h"

namespace weir::cli {
namespace {

constexpr std::size_t read_bytes = 256 * kibibyte;

env::Task<Result<void>> put_one(KinesisClient& client, PutOptions options) {
  const std::string key =
      options.partition_key.empty() ? random_partition_key(client.core()) : std::move(options.partition_key);
  kinesis::PutRecordInput input;
  input.stream_name = options.stream;
  input.partition_key = key;
  input.data = as_bytes(*options.data);
  const auto answer = co_await client.call<kinesis::PutRecordOutput>(kinesis::Operation::put_record, input);
  if (!answer) co_return std::unexpected(to_error(answer.error()));
  co_return co_await env::write_standard_output(
      client.core(), fmt::format("{} {}\n", (*answer)->shard_id, (*answer)->sequence_number));
}

// Sends what has come whenever the input pauses: nobody's line waits for another's.
env::Task<Result<void>> put_lines(env::Core& core, RecordPutter& putter) {
  std::vector<std::byte> chunk(read_bytes);
  std::string held;  // the line under way
  for (std::uint64_t lines = 0;;) {
    WEIR_CO_TRY(const std::size_t got, co_await env::read_standard_input(core, chunk));
    if (got == 0) break;
    std::string_view rest = as_text(BytesView(chunk).first(got));
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      held.append(rest.substr(0, end));
      rest.remove_prefix(end + 1);
      ++lines;
      WEIR_CO_CHECK(co_await putter.add(std::exchange(held, {})));
    }
    held.append(rest);
    if (held.size() > model::limits::record_bytes_max) {
      co_return fail(ErrorCode::limit_exceeded, fmt::format("line {} is longer than {} bytes, the most a record holds",
                                                            lines + 1, model::limits::record_bytes_max));
    }
    WEIR_CO_CHECK(co_await putter.flush());
  }
  if (!held.empty()) WEIR_CO_CHECK(co_await putter.add(std::move(held)));
  co_return co_await putter.flush();
}

env::Task<Result<void>> put_input(KinesisClient& client, PutOptions options) {
  RecordPutter putter(client, std::move(options.stream), std::move(options.partition_key));
  const Result<void> put = co_await put_lines(client.core(), putter);
  const std::uint64_t count = putter.records_put();
  if (!put) co_return fail_while("after " + count_text(count, "record"), put.error());
  co_return co_await env::write_standard_output(client.core(), count_text(count, "record") + " put\n");
}

}  // namespace

int put(const PutOptions& options) {
  const ClientCommand command{.client = {.server = options.client, .command = "weir put"}};
  return run_client_command(command, [&](KinesisClient& client) {
    return options.data ? put_one(client, options) : put_input(client, options);
  });
}

}  // namespace weir::cli
