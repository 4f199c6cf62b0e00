// Errors: every code that the API answers with, and a named factory for every message, so that no operation formats
// one. Texts follow API reference §1.9, §2.6 and §3.4. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::kinesis {

enum class ApiErrorCode : std::uint8_t {
  validation,
  serialization,
  invalid_argument,
  resource_not_found,
  resource_in_use,
  limit_exceeded,
  provisioned_throughput_exceeded,
  expired_iterator,
  expired_next_token,
  access_denied,
  dry_run,
  unknown_operation,
  internal_failure,
  service_unavailable,
  missing_authentication_token,
  incomplete_signature,
  invalid_signature,
  unrecognized_client,
  expired_token,
};
inline constexpr std::size_t api_error_codes = 19;

struct ApiErrorInfo {
  std::string_view name;  // as `__type` has it
  std::uint16_t status;   // HTTP, in the JSON and CBOR forms
  bool retryable;         // SDKs try again by themselves
};

[[nodiscard]] const ApiErrorInfo& info(ApiErrorCode code) noexcept;

struct ApiError {
  ApiErrorCode code = ApiErrorCode::internal_failure;
  std::string message;  // empty: the body has no message member
  friend bool operator==(const ApiError&, const ApiError&) = default;
};

// How the body of an error is written: as the request's own encoding, or as XML when it has none (API reference §2.6).
enum class ErrorForm : std::uint8_t { json, cbor, xml };

[[nodiscard]] std::string error_body(const ApiError& error, ErrorForm form);
[[nodiscard]] std::uint16_t error_status(const ApiError& error, ErrorForm form) noexcept;  // XML: always 403

namespace errors {

// General.
[[nodiscard]] ApiError validation(std::string message);
[[nodiscard]] ApiError serialization(std::string message);
[[nodiscard]] ApiError invalid_argument(std::string message);
[[nodiscard]] ApiError malformed_body();
[[nodiscard]] ApiError unknown_operation();
[[nodiscard]] ApiError internal_failure();
[[nodiscard]] ApiError service_unavailable(std::string message);
[[nodiscard]] ApiError dry_run();
[[nodiscard]] ApiError cannot_determine_operation();
[[nodiscard]] ApiError not_authorized(std::string_view principal_arn, std::string_view operation,
                                      std::string_view resource_arn);

// Authentication (§2.6). The others are in frontend/authentication, which alone knows their parts.
[[nodiscard]] ApiError missing_authentication_token();
[[nodiscard]] ApiError incomplete_signature(std::string message);
[[nodiscard]] ApiError invalid_signature(std::string message);
[[nodiscard]] ApiError unrecognized_client();
[[nodiscard]] ApiError expired_token();

// Which stream. `arn_account`: the account named in an ARN that is not the caller's.
[[nodiscard]] ApiError stream_not_addressed();
[[nodiscard]] ApiError stream_name_and_arn_disagree(std::string_view name, std::string_view arn);
[[nodiscard]] ApiError stream_not_found(std::string_view name, std::string_view account);
[[nodiscard]] ApiError stream_exists(std::string_view name, std::string_view account);
[[nodiscard]] ApiError stream_not_active(std::string_view name, std::string_view account, std::string_view state);
[[nodiscard]] ApiError stream_on_demand(std::string_view name, std::string_view account);
[[nodiscard]] ApiError consumers_exist(std::string_view name, std::string_view account);

// Rates and quotas.
[[nodiscard]] ApiError shard_rate_exceeded(std::string_view shard_id, std::string_view name, std::string_view account);
[[nodiscard]] std::string shard_rate_exceeded_message(std::string_view shard_id, std::string_view name,
                                                      std::string_view account);
[[nodiscard]] ApiError stream_calls_exceeded(std::string_view name, std::string_view account);
[[nodiscard]] ApiError account_calls_exceeded(std::string_view operation, std::string_view account);
[[nodiscard]] ApiError shard_limit_exceeded(std::string_view account, std::string_view region, std::uint64_t shards_now,
                                            std::uint64_t limit, std::uint64_t additional);
[[nodiscard]] ApiError on_demand_limit_exceeded(std::string_view account, std::uint64_t limit);
// This server's own bound on streams or shards. `reason`: a whole sentence.
[[nodiscard]] ApiError capacity_exceeded(std::string_view reason);
[[nodiscard]] ApiError creating_limit_exceeded(std::string_view account, std::uint64_t limit);

// CreateStream.
[[nodiscard]] ApiError shard_count_missing();
[[nodiscard]] ApiError shard_count_with_on_demand();
[[nodiscard]] ApiError warm_throughput_not_allowed();

// Shards. `shard_input` is the text of the request, `shard_id` the full form shardId-000000000000.
[[nodiscard]] ApiError shard_not_parsed(std::string_view shard_input, std::string_view name, std::string_view account);
[[nodiscard]] ApiError shard_does_not_exist(std::string_view shard_id, std::string_view name, std::string_view account);
[[nodiscard]] ApiError shard_already_closed(std::string_view shard_id, std::string_view name, std::string_view account);
[[nodiscard]] ApiError shards_not_adjacent(std::string_view first, std::string_view second, std::string_view name,
                                           std::string_view account);
[[nodiscard]] ApiError split_key_out_of_range(std::string_view key, std::string_view shard_id, std::string_view name,
                                              std::string_view account, std::string_view starting_hash_key,
                                              std::string_view ending_hash_key);

// PutRecord and PutRecords.
[[nodiscard]] ApiError explicit_hash_key_out_of_range(std::string_view value);
[[nodiscard]] ApiError ordering_number_invalid(std::string_view value, std::string_view name, std::string_view account);
// A record above its stream's maximum (§7). `path`: "data" or "records.3.member.data".
[[nodiscard]] ApiError record_too_large(std::string_view path, std::size_t data_bytes, std::uint64_t limit_bytes);
[[nodiscard]] ApiError records_too_large();
inline constexpr std::string_view internal_service_failure_message = "Internal service failure.";

// GetShardIterator.
[[nodiscard]] ApiError starting_sequence_number_missing(std::string_view iterator_type);
[[nodiscard]] ApiError starting_sequence_number_superfluous(std::string_view iterator_type);
[[nodiscard]] ApiError starting_sequence_number_of_other_shard(std::string_view encoded_shard_id,
                                                               std::string_view shard_id);
[[nodiscard]] ApiError starting_sequence_number_of_other_stream(std::string_view number, std::string_view shard_id,
                                                                std::string_view name, std::string_view account);
[[nodiscard]] ApiError starting_sequence_number_invalid(std::string_view number, std::string_view shard_id,
                                                        std::string_view name, std::string_view account);
[[nodiscard]] ApiError timestamp_missing();
[[nodiscard]] ApiError timestamp_in_future(WallTime timestamp, WallTime now);

// GetRecords.
[[nodiscard]] ApiError iterator_invalid();
[[nodiscard]] ApiError iterator_expired(WallTime created, WallTime now);
[[nodiscard]] ApiError iterator_of_other_stream(std::string_view stream_arn);

// Retention, in hours. Increase refuses a shorter period, Decrease a longer one.
[[nodiscard]] ApiError retention_too_short(std::int64_t requested);
[[nodiscard]] ApiError retention_too_long(std::int64_t requested);
[[nodiscard]] ApiError retention_shorter_than_existing(std::int64_t requested, std::int64_t existing,
                                                       std::string_view name);
[[nodiscard]] ApiError retention_longer_than_existing(std::int64_t requested, std::int64_t existing,
                                                      std::string_view name);

// ListShards and ListStreams.
[[nodiscard]] ApiError token_or_stream_missing();
[[nodiscard]] ApiError token_and_stream();
[[nodiscard]] ApiError token_and(std::string_view member);
[[nodiscard]] ApiError token_invalid();
[[nodiscard]] ApiError token_expired(WallTime created, WallTime now);
[[nodiscard]] ApiError shard_filter_member_missing(std::string_view filter_type, std::string_view member);
[[nodiscard]] ApiError shard_filter_member_superfluous(std::string_view filter_type, std::string_view member);

// Tags. `doing`: "add tags to" or "remove tags from".
[[nodiscard]] ApiError tag_characters_invalid();
[[nodiscard]] ApiError tag_characters_illegal(std::string_view doing, std::string_view name, std::string_view account);
[[nodiscard]] ApiError tag_prefix_reserved(std::string_view doing, std::string_view name, std::string_view account);
[[nodiscard]] ApiError too_many_tags(std::string_view name, std::string_view account, std::uint64_t limit);

}  // namespace errors
}  // namespace weir::kinesis
