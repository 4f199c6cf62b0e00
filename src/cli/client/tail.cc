// `weir tail`: prints a stream's records as they arrive.
#include <utility>

#include "cli/client/client_command.h"
#include "cli/client/stream_follower.h"
#include "cli/commands.h"
#include "env/process.h"

namespace weir::kinesis {

// A record as --json prints it, with the API's own names.
struct PrintedRecord {
  std::string_view shard_id;
  std::string_view sequence_number;
  std::optional<WallTime> approximate_arrival_timestamp;
  std::optional<std::string_view> partition_key;
  BytesView data;
};
template <>
inline constexpr auto definition_of<PrintedRecord> =
    shape("PrintedRecord", member<&PrintedRecord::shard_id>("ShardId"),
          member<&PrintedRecord::sequence_number>("SequenceNumber"),
          member<&PrintedRecord::approximate_arrival_timestamp>("ApproximateArrivalTimestamp"),
          member<&PrintedRecord::partition_key>("PartitionKey"), member<&PrintedRecord::data>("Data"));

}  // namespace weir::kinesis

namespace weir::cli {
namespace {

// One line for each record on standard output.
class RecordPrinter final : public RecordSink {
 public:
  RecordPrinter(env::Core& core, bool json) noexcept : core_(core), json_(json) {}

  [[nodiscard]] env::Task<Result<void>> take(std::string_view shard_id,
                                             const std::vector<kinesis::Record>& records) override {
    std::string lines;
    for (const kinesis::Record& record : records) {
      if (json_) {
        const kinesis::PrintedRecord printed{.shard_id = shard_id,
                                             .sequence_number = record.sequence_number,
                                             .approximate_arrival_timestamp = record.approximate_arrival_timestamp,
                                             .partition_key = record.partition_key,
                                             .data = record.data};
        lines.append(kinesis::encode(kinesis::Encoding::json, printed));
      } else {
        lines.append(as_text(record.data));
      }
      lines.push_back('\n');
    }
    return env::write_standard_output(core_, std::move(lines));
  }

 private:
  env::Core& core_;
  bool json_;
};

env::Task<Result<void>> follow(KinesisClient& client, TailOptions options) {
  RecordPrinter printer(client.core(), options.json);
  StreamFollower follower(client, printer,
                          {.stream = std::move(options.stream),
                           .from_start = options.from_start,
                           .until_caught_up = options.until_caught_up});
  co_return co_await follower.run();
}

}  // namespace

int tail(const TailOptions& options) {
  const ClientCommand command{
      .client = {.server = options.client, .command = "weir tail", .patience = endless_patience},
      .is_interruptible = true};
  return run_client_command(command, [&](KinesisClient& client) { return follow(client, options); });
}

}  // namespace weir::cli
