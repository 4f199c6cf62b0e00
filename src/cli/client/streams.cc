// `weir streams`: lists the streams of an account and Region.
#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "cli/client/client_command.h"
#include "cli/commands.h"
#include "cli/text.h"
#include "env/process.h"
#include "fmt/format.h"
#include "kinesis/shapes/describe_stream_summary.h"
#include "kinesis/shapes/list_streams.h"

namespace weir::cli {
namespace {

using kinesis::Operation;
using Description = Answer<kinesis::DescribeStreamSummaryOutput>;

env::Task<std::expected<std::vector<std::string>, CallError>> list_names(KinesisClient& client) {
  std::vector<std::string> names;
  std::string last;
  for (;;) {
    kinesis::ListStreamsInput input;
    if (!last.empty()) input.exclusive_start_stream_name = last;
    const auto page = co_await client.call<kinesis::ListStreamsOutput>(Operation::list_streams, input);
    if (!page) co_return std::unexpected(page.error());
    names.insert(names.end(), (*page)->stream_names.begin(), (*page)->stream_names.end());
    if (!(*page)->has_more_streams || (*page)->stream_names.empty()) co_return names;
    last = names.back();
  }
}

// Without those that were deleted since they were listed.
env::Task<std::expected<std::vector<Description>, CallError>> describe(KinesisClient& client,
                                                                       std::vector<std::string> names) {
  std::vector<Description> descriptions;
  for (const std::string& name : names) {
    kinesis::DescribeStreamSummaryInput input;
    input.stream_name = name;
    auto answer = co_await client.call<kinesis::DescribeStreamSummaryOutput>(Operation::describe_stream_summary, input);
    if (answer) {
      descriptions.push_back(std::move(*answer));
    } else if (answer.error().code != kinesis::ApiErrorCode::resource_not_found) {
      co_return std::unexpected(std::move(answer.error()));
    }
  }
  co_return descriptions;
}

using Row = std::array<std::string, 5>;

Row row_of(const kinesis::StreamDescriptionSummary& summary) {
  return {summary.stream_name, std::string(summary.stream_status.text), std::to_string(summary.open_shard_count),
          std::to_string(summary.retention_period_hours) + " h", utc_text(summary.stream_creation_timestamp)};
}

// Names to the left, numbers to the right.
std::string table_of(const std::vector<Description>& descriptions) {
  std::vector<Row> rows{{"STREAM", "STATUS", "SHARDS", "RETENTION", "CREATED"}};
  for (const Description& stream : descriptions) rows.push_back(row_of(stream->stream_description_summary));
  std::array<std::size_t, 5> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    fmt::format_to(std::back_inserter(text), "{:<{}}  {:<{}}  {:>{}}  {:>{}}  {}\n", row[0], widths[0], row[1],
                   widths[1], row[2], widths[2], row[3], widths[3], row[4]);
  }
  return text;
}

std::string lines_of(const std::vector<Description>& descriptions) {
  std::string text;
  for (const Description& stream : descriptions) {
    text.append(kinesis::encode(kinesis::Encoding::json, stream->stream_description_summary)).push_back('\n');
  }
  return text;
}

env::Task<Result<void>> print_streams(KinesisClient& client, StreamsOptions options) {
  auto names = co_await list_names(client);
  if (!names) co_return std::unexpected(to_error(std::move(names.error())));
  const auto found = co_await describe(client, std::move(*names));
  if (!found) co_return std::unexpected(to_error(found.error()));
  if (found->empty() && !options.json) {
    client.warn("no streams in " + options.client.region + " of this account");
    co_return Result<void>();
  }
  co_return co_await env::write_standard_output(client.core(), options.json ? lines_of(*found) : table_of(*found));
}

}  // namespace

int streams(const StreamsOptions& options) {
  const ClientCommand command{.client = {.server = options.client, .command = "weir streams"}};
  return run_client_command(command, [&](KinesisClient& client) { return print_streams(client, options); });
}

}  // namespace weir::cli
