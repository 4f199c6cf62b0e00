#include "kinesis/errors.h"

#include <array>
#include <chrono>

#include "fmt/format.h"
#include "kinesis/cbor_writer.h"
#include "kinesis/json_writer.h"

namespace weir::kinesis {
namespace {

constexpr std::array<ApiErrorInfo, api_error_codes> table{{
    {"ValidationException", 400, false},
    {"SerializationException", 400, false},
    {"InvalidArgumentException", 400, false},
    {"ResourceNotFoundException", 400, false},
    {"ResourceInUseException", 400, false},
    {"LimitExceededException", 400, true},
    {"ProvisionedThroughputExceededException", 400, true},
    {"ExpiredIteratorException", 400, false},
    {"ExpiredNextTokenException", 400, false},
    {"AccessDeniedException", 400, false},
    {"DryRunOperationException", 400, false},
    {"UnknownOperationException", 400, false},
    {"InternalFailure", 500, true},
    {"ServiceUnavailable", 503, true},
    {"MissingAuthenticationTokenException", 400, false},
    {"IncompleteSignatureException", 400, false},
    {"InvalidSignatureException", 400, false},
    {"UnrecognizedClientException", 400, false},
    {"ExpiredTokenException", 400, false},
}};

// The member is "Message" for SerializationException alone (§1.8).
template <class Writer>
std::string structured_body(const ApiError& error) {
  Writer writer;
  writer.begin_map();
  writer.key("__type");
  writer.text(info(error.code).name);
  if (!error.message.empty()) {
    writer.key(error.code == ApiErrorCode::serialization ? "Message" : "message");
    writer.text(error.message);
  }
  writer.end_map();
  return std::move(writer).finish();
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace

const ApiErrorInfo& info(ApiErrorCode code) noexcept { return table[static_cast<std::size_t>(code)]; }

std::string error_body(const ApiError& error, ErrorForm form) {
  switch (form) {
    case ErrorForm::json: return structured_body<JsonWriter>(error);
    case ErrorForm::cbor: return structured_body<CborWriter>(error);
    case ErrorForm::xml: break;
  }
  const std::string_view name = info(error.code).name;
  return fmt::format("<{0}>\n  <Message>{1}</Message>\n</{0}>\n", name, xml_escaped(error.message));
}

std::uint16_t error_status(const ApiError& error, ErrorForm form) noexcept {
  const std::uint16_t status = info(error.code).status;
  return form == ErrorForm::xml && status == 400 ? 403 : status;
}

namespace errors {
namespace {

using Code = ApiErrorCode;

// "Thu Jan 22 01:22:02 UTC 2015"
std::string java_date(WallTime time) {
  using namespace std::chrono;
  constexpr std::string_view weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds point{seconds(unix_seconds(time))};
  const sys_days day = floor<days>(point);
  const year_month_day date{day};
  const hh_mm_ss clock{point - day};
  return fmt::format("{} {} {:02} {:02}:{:02}:{:02} UTC {}", weekdays[weekday{day}.c_encoding()],
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     static_cast<int>(date.year()));
}

constexpr std::string_view service_limits_page = "http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html";

}  // namespace

ApiError validation(std::string message) { return {Code::validation, std::move(message)}; }
ApiError serialization(std::string message) { return {Code::serialization, std::move(message)}; }
ApiError invalid_argument(std::string message) { return {Code::invalid_argument, std::move(message)}; }
ApiError malformed_body() { return {Code::serialization, {}}; }
ApiError unknown_operation() { return {Code::unknown_operation, {}}; }
ApiError internal_failure() { return {Code::internal_failure, {}}; }
ApiError service_unavailable(std::string message) { return {Code::service_unavailable, std::move(message)}; }
ApiError dry_run() { return {Code::dry_run, "Request would have succeeded, but DryRun flag is set."}; }

ApiError cannot_determine_operation() {
  return {Code::access_denied, "Unable to determine service/operation name to be authorized"};
}

ApiError not_authorized(std::string_view principal_arn, std::string_view operation, std::string_view resource_arn) {
  return {Code::access_denied,
          fmt::format("User: {} is not authorized to perform: kinesis:{} on resource: {} because no identity-based "
                      "policy allows the kinesis:{} action",
                      principal_arn, operation, resource_arn, operation)};
}

ApiError missing_authentication_token() { return {Code::missing_authentication_token, "Missing Authentication Token"}; }
ApiError incomplete_signature(std::string message) { return {Code::incomplete_signature, std::move(message)}; }
ApiError invalid_signature(std::string message) { return {Code::invalid_signature, std::move(message)}; }
ApiError unrecognized_client() {
  return {Code::unrecognized_client, "The security token included in the request is invalid."};
}
ApiError expired_token() { return {Code::expired_token, "The security token included in the request is expired"}; }

ApiError stream_not_addressed() { return invalid_argument("Either StreamName or StreamARN must be provided."); }

ApiError stream_name_and_arn_disagree(std::string_view name, std::string_view arn) {
  return invalid_argument(fmt::format("StreamName {} does not match StreamARN {}.", name, arn));
}

ApiError stream_not_found(std::string_view name, std::string_view account) {
  return {Code::resource_not_found, fmt::format("Stream {} under account {} not found.", name, account)};
}

ApiError stream_exists(std::string_view name, std::string_view account) {
  return {Code::resource_in_use, fmt::format("Stream {} under account {} already exists.", name, account)};
}

ApiError stream_not_active(std::string_view name, std::string_view account, std::string_view state) {
  return {Code::resource_in_use,
          fmt::format("Stream {} under account {} not ACTIVE, instead in state {}", name, account, state)};
}

ApiError stream_on_demand(std::string_view name, std::string_view account) {
  return validation(fmt::format("Request is invalid. Stream {} under account {} is in On-Demand mode.", name, account));
}

ApiError consumers_exist(std::string_view name, std::string_view account) {
  return {Code::resource_in_use,
          fmt::format("DeleteStream can't delete {1}:{0} because there are consumers associated with this data stream. "
                      "To delete {0} anyway, set the EnforceConsumerDeletion parameter to true.",
                      name, account)};
}

std::string shard_rate_exceeded_message(std::string_view shard_id, std::string_view name, std::string_view account) {
  return fmt::format("Rate exceeded for shard {} in stream {} under account {}.", shard_id, name, account);
}

ApiError shard_rate_exceeded(std::string_view shard_id, std::string_view name, std::string_view account) {
  return {Code::provisioned_throughput_exceeded, shard_rate_exceeded_message(shard_id, name, account)};
}

ApiError stream_calls_exceeded(std::string_view name, std::string_view account) {
  return {Code::limit_exceeded, fmt::format("Rate exceeded for stream {} under account {}.", name, account)};
}

ApiError account_calls_exceeded(std::string_view operation, std::string_view account) {
  return {Code::limit_exceeded, fmt::format("Rate exceeded for {} under account {}.", operation, account)};
}

ApiError shard_limit_exceeded(std::string_view account, std::string_view region, std::uint64_t shards_now,
                              std::uint64_t limit, std::uint64_t additional) {
  return {Code::limit_exceeded,
          fmt::format("This request would exceed the shard limit for the account {} in {}. Current shard count for the "
                      "account: {}. Limit: {}. Number of additional shards that would have resulted from this request: "
                      "{}. Refer to the AWS Service Limits page ({}) for current limits and how to request higher "
                      "limits.",
                      account, region, shards_now, limit, additional, service_limits_page)};
}

ApiError on_demand_limit_exceeded(std::string_view account, std::uint64_t limit) {
  return {
      Code::limit_exceeded,
      fmt::format("This request would exceed the on-demand stream limit of {} for the account {}.", limit, account)};
}

ApiError creating_limit_exceeded(std::string_view account, std::uint64_t limit) {
  return {
      Code::limit_exceeded,
      fmt::format("At most {} streams under account {} can be in state CREATING at the same time.", limit, account)};
}

ApiError capacity_exceeded(std::string_view reason) { return {Code::limit_exceeded, std::string(reason)}; }

ApiError shard_count_missing() {
  return invalid_argument("ShardCount must be provided for a stream in PROVISIONED mode.");
}
ApiError shard_count_with_on_demand() {
  return invalid_argument("ShardCount must not be provided for a stream in ON_DEMAND mode.");
}
ApiError warm_throughput_not_allowed() {
  return invalid_argument(
      "WarmThroughputMiBps needs a stream in ON_DEMAND mode and an account with a minimum throughput billing "
      "commitment.");
}

ApiError shard_not_parsed(std::string_view shard_input, std::string_view name, std::string_view account) {
  return {Code::resource_not_found,
          fmt::format("Could not find shard {} in stream {} under account {}.", shard_input, name, account)};
}

ApiError shard_does_not_exist(std::string_view shard_id, std::string_view name, std::string_view account) {
  return {Code::resource_not_found,
          fmt::format("Shard {} in stream {} under account {} does not exist", shard_id, name, account)};
}

ApiError shard_already_closed(std::string_view shard_id, std::string_view name, std::string_view account) {
  return invalid_argument(
      fmt::format("Shard {} in stream {} under account {} has already been merged or split, and "
                  "thus is not eligible for merging or splitting.",
                  shard_id, name, account));
}

ApiError shards_not_adjacent(std::string_view first, std::string_view second, std::string_view name,
                             std::string_view account) {
  return invalid_argument(fmt::format(
      "Shards {} and {} in stream {} under account {} are not an adjacent pair of shards eligible for merging", first,
      second, name, account));
}

ApiError split_key_out_of_range(std::string_view key, std::string_view shard_id, std::string_view name,
                                std::string_view account, std::string_view starting_hash_key,
                                std::string_view ending_hash_key) {
  return invalid_argument(
      fmt::format("NewStartingHashKey {} used in SplitShard() on shard {} in stream {} under account {} is not both "
                  "greater than one plus the shard's StartingHashKey {} and less than the shard's EndingHashKey {}.",
                  key, shard_id, name, account, starting_hash_key, ending_hash_key));
}

ApiError explicit_hash_key_out_of_range(std::string_view value) {
  return invalid_argument(fmt::format(
      "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {}", value));
}

ApiError ordering_number_invalid(std::string_view value, std::string_view name, std::string_view account) {
  return invalid_argument(
      fmt::format("ExclusiveMinimumSequenceNumber {} used in PutRecord on stream {} under account {} is invalid.",
                  value, name, account));
}

ApiError record_too_large(std::string_view path, std::size_t data_bytes, std::uint64_t limit_bytes) {
  return validation(fmt::format(
      "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]' at '{1}' failed to "
      "satisfy constraint: Member must have length less than or equal to {2}",
      data_bytes, path, limit_bytes));
}

ApiError records_too_large() { return invalid_argument("Records size exceeds 10 MB limit"); }

namespace {
std::string starting_number_rule(std::string_view iterator_type) {
  return fmt::format(
      "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
      "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {} and ",
      iterator_type);
}
std::string starting_number_used(std::string_view number, std::string_view shard_id, std::string_view name,
                                 std::string_view account) {
  return fmt::format(
      "StartingSequenceNumber {} used in GetShardIterator on shard {} in stream {} under account {} is "
      "invalid",
      number, shard_id, name, account);
}
}  // namespace

ApiError starting_sequence_number_missing(std::string_view iterator_type) {
  return invalid_argument(starting_number_rule(iterator_type) + "no StartingSequenceNumber.");
}

ApiError starting_sequence_number_superfluous(std::string_view iterator_type) {
  return invalid_argument(starting_number_rule(iterator_type) + "also a StartingSequenceNumber.");
}

ApiError starting_sequence_number_of_other_shard(std::string_view encoded_shard_id, std::string_view shard_id) {
  return invalid_argument(
      fmt::format("Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {}",
                  encoded_shard_id, shard_id));
}

ApiError starting_sequence_number_of_other_stream(std::string_view number, std::string_view shard_id,
                                                  std::string_view name, std::string_view account) {
  return invalid_argument(starting_number_used(number, shard_id, name, account) +
                          " because it did not come from this stream.");
}

ApiError starting_sequence_number_invalid(std::string_view number, std::string_view shard_id, std::string_view name,
                                          std::string_view account) {
  return invalid_argument(starting_number_used(number, shard_id, name, account) + ".");
}

ApiError timestamp_missing() {
  return invalid_argument(
      "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request "
      "has no timestamp parameter.");
}

ApiError timestamp_in_future(WallTime timestamp, WallTime now) {
  return invalid_argument(
      fmt::format("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
                  "timestampInMillis: {}, currentTimestampInMillis: {}",
                  unix_milliseconds(timestamp), unix_milliseconds(now)));
}

ApiError iterator_invalid() { return invalid_argument("Invalid ShardIterator."); }

ApiError iterator_expired(WallTime created, WallTime now) {
  return {Code::expired_iterator,
          fmt::format("Iterator expired. The iterator was created at time {} while right now it is {} which is further "
                      "in the future than the tolerated delay of 300000 milliseconds.",
                      java_date(created), java_date(now))};
}

ApiError iterator_of_other_stream(std::string_view stream_arn) {
  return invalid_argument(fmt::format("ShardIterator does not belong to the stream {}.", stream_arn));
}

ApiError retention_too_short(std::int64_t requested) {
  return invalid_argument(fmt::format(
      "Minimum allowed retention period is 24 hours. Requested retention period ({} hours) is too short.", requested));
}

ApiError retention_too_long(std::int64_t requested) {
  return invalid_argument(fmt::format(
      "Maximum allowed retention period is 8760 hours. Requested retention period ({} hours) is too long.", requested));
}

ApiError retention_shorter_than_existing(std::int64_t requested, std::int64_t existing, std::string_view name) {
  return invalid_argument(fmt::format(
      "Requested retention period ({} hours) for stream {} can not be shorter than existing retention period "
      "({} hours). Use DecreaseRetentionPeriod API.",
      requested, name, existing));
}

ApiError retention_longer_than_existing(std::int64_t requested, std::int64_t existing, std::string_view name) {
  return invalid_argument(fmt::format(
      "Requested retention period ({} hours) for stream {} can not be longer than existing retention period "
      "({} hours). Use IncreaseRetentionPeriod API.",
      requested, name, existing));
}

ApiError token_or_stream_missing() { return invalid_argument("Either NextToken or StreamName should be provided."); }
ApiError token_and_stream() { return token_and("StreamName"); }
ApiError token_and(std::string_view member) {
  return invalid_argument(fmt::format("NextToken and {} cannot be provided together.", member));
}
ApiError token_invalid() { return invalid_argument("Invalid NextToken."); }

ApiError token_expired(WallTime created, WallTime now) {
  return {
      Code::expired_next_token,
      fmt::format("NextToken expired. The token was created at time {} while right now it is {} which is further in "
                  "the future than the tolerated delay of 300000 milliseconds.",
                  java_date(created), java_date(now))};
}

ApiError shard_filter_member_missing(std::string_view filter_type, std::string_view member) {
  return invalid_argument(fmt::format("{} must be provided for a ShardFilter of type {}.", member, filter_type));
}

ApiError shard_filter_member_superfluous(std::string_view filter_type, std::string_view member) {
  return invalid_argument(fmt::format("{} must not be provided for a ShardFilter of type {}.", member, filter_type));
}

ApiError tag_characters_invalid() {
  return invalid_argument(
      "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, "
      "_ . / = + - % @.");
}

ApiError tag_characters_illegal(std::string_view doing, std::string_view name, std::string_view account) {
  return invalid_argument(
      fmt::format("Failed to {} stream {} under account {} because some tags contained illegal characters. The allowed "
                  "characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
                  doing, name, account));
}

ApiError tag_prefix_reserved(std::string_view doing, std::string_view name, std::string_view account) {
  return invalid_argument(
      fmt::format("Failed to {} stream {} under account {} because some tag keys begin with the reserved prefix aws:.",
                  doing, name, account));
}

ApiError too_many_tags(std::string_view name, std::string_view account, std::uint64_t limit) {
  return invalid_argument(fmt::format(
      "Failed to add tags to stream {} under account {} because a given stream cannot have more than {} tags "
      "associated with it.",
      name, account, limit));
}

}  // namespace errors
}  // namespace weir::kinesis
