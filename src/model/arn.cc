#include "model/arn.h"

#include <algorithm>

namespace weir::model {
namespace {

// Cuts the piece before the next ':' off the front of `rest`; empty when there is no ':'.
std::optional<std::string_view> next_piece(std::string_view& rest) noexcept {
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view piece = rest.substr(0, colon);
  rest.remove_prefix(colon + 1);
  return piece;
}

bool is_account(std::string_view text) noexcept {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_white_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::optional<StreamArn> parse_stream_arn(std::string_view text) noexcept {
  constexpr std::string_view resource = "stream/";
  std::string_view rest = text;
  const auto scheme = next_piece(rest);
  const auto partition = next_piece(rest);
  const auto service = next_piece(rest);
  const auto region = next_piece(rest);
  const auto account = next_piece(rest);
  if (!account || *scheme != "arn" || !partition->starts_with("aws") || *service != "kinesis") return std::nullopt;
  if (!is_account(*account) || !rest.starts_with(resource)) return std::nullopt;
  rest.remove_prefix(resource.size());
  if (rest.empty() || std::ranges::any_of(rest, is_white_space)) return std::nullopt;
  return StreamArn{*partition, *region, *account, rest};
}

std::string_view partition_of(std::string_view region) noexcept {
  if (region.starts_with("cn-")) return "aws-cn";
  if (region.starts_with("us-gov-")) return "aws-us-gov";
  return "aws";
}

std::string stream_arn(std::string_view region, std::string_view account, std::string_view name) {
  std::string arn;
  arn.reserve(64 + name.size());
  return arn.append("arn:")
      .append(partition_of(region))
      .append(":kinesis:")
      .append(region)
      .append(":")
      .append(account)
      .append(":stream/")
      .append(name);
}

}  // namespace weir::model
