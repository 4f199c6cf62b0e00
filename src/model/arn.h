// Amazon Resource Names of streams: arn:aws:kinesis:us-east-1:000000000000:stream/orders. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::model {

// Views into the parsed text.
struct StreamArn {
  std::string_view partition;  // begins with "aws"
  std::string_view region;
  std::string_view account;  // 12 digits
  std::string_view name;
};

// Reads arn:aws.*:kinesis:.*:\d{12}:stream/\S+ ; the name is not checked against the rules for stream names. Empty when
// the text is not of that form.
[[nodiscard]] std::optional<StreamArn> parse_stream_arn(std::string_view text) noexcept;

// The partition that AWS gives a Region: aws, aws-cn or aws-us-gov.
[[nodiscard]] std::string_view partition_of(std::string_view region) noexcept;
[[nodiscard]] std::string stream_arn(std::string_view region, std::string_view account, std::string_view name);

}  // namespace weir::model
