#include "metastore/etcd_messages.h"

#include <charconv>
#include <utility>

#include "base/base64.h"
#include "simdjson.h"

namespace weir::metastore {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

// What protobuf and the raft log put around each key, value and guard; rounded up.
constexpr std::uint64_t bytes_around_operation = 32;
constexpr std::uint64_t bytes_around_transaction = 128;

void append_base64(std::string& json, std::string_view bytes) {
  const std::size_t had = json.size();
  json.resize(had + base64_encoded_size(bytes.size()));
  base64_encode(as_bytes(bytes), json.data() + had);
}

void append_member(std::string& json, std::string_view name, std::string_view bytes) {
  json.append("\"").append(name).append("\":\"");
  append_base64(json, bytes);
  json.append("\"");
}

void append_member(std::string& json, std::string_view name, std::uint64_t number) {
  json.append("\"").append(name).append("\":\"").append(std::to_string(number)).append("\"");
}

std::unexpected<Error> corrupt(std::string_view what) {
  return fail(ErrorCode::corrupt, std::string("an answer that is not etcd's: ").append(what));
}

// Members that are not there have the value zero, as everywhere in protobuf.
Result<std::uint64_t> number_in(const object& from, std::string_view name) {
  element value;
  if (from[name].get(value) != simdjson::SUCCESS) return 0;
  std::uint64_t number = 0;
  if (value.get(number) == simdjson::SUCCESS) return number;
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return corrupt(std::string(name) + " is no number");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return corrupt(std::string(name) + " is no number");
  return number;
}

Result<bool> flag_in(const object& from, std::string_view name) {
  element value;
  if (from[name].get(value) != simdjson::SUCCESS) return false;
  bool flag = false;
  if (value.get(flag) != simdjson::SUCCESS) return corrupt(std::string(name) + " is neither true nor false");
  return flag;
}

Result<std::string> text_in(const object& from, std::string_view name) {
  element value;
  if (from[name].get(value) != simdjson::SUCCESS) return std::string();
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return corrupt(std::string(name) + " is no text");
  return std::string(text);
}

Result<std::string> bytes_in(const object& from, std::string_view name) {
  WEIR_TRY(std::string text, text_in(from, name));
  const Base64Decoded decoded = base64_decode(text, reinterpret_cast<std::byte*>(text.data()));
  if (decoded.fault != Base64Fault::none) return corrupt(std::string(name) + " is not base64");
  text.resize(decoded.size);
  return text;
}

Result<EtcdHeader> header_in(const object& from) {
  object header;
  if (from["header"].get(header) != simdjson::SUCCESS) return corrupt("it has no header");
  EtcdHeader result;
  WEIR_TRY(result.cluster_id, number_in(header, "cluster_id"));
  WEIR_TRY(result.revision, number_in(header, "revision"));
  return result;
}

// Calls visit(object) -> Result<void> for each member of the list `name`.
template <class Visit>
Result<void> for_each_in(const object& from, std::string_view name, Visit visit) {
  element value;
  if (from[name].get(value) != simdjson::SUCCESS) return {};
  simdjson::dom::array items;
  if (value.get(items) != simdjson::SUCCESS) return corrupt(std::string(name) + " is no list");
  for (const element item : items) {
    object members;
    if (item.get(members) != simdjson::SUCCESS) return corrupt(std::string(name) + " holds what is no object");
    WEIR_CHECK(visit(members));
  }
  return {};
}

Result<KeyValue> entry_in(const object& from) {
  KeyValue entry;
  WEIR_TRY(entry.key, bytes_in(from, "key"));
  WEIR_TRY(entry.value, bytes_in(from, "value"));
  WEIR_TRY(entry.modified, number_in(from, "mod_revision"));
  if (entry.key.empty() || entry.modified == 0) return corrupt("an entry without key or revision");
  return entry;
}

Result<Change> change_in(const object& event) {
  object kv;
  if (event["kv"].get(kv) != simdjson::SUCCESS) return corrupt("an event without a key");
  WEIR_TRY(KeyValue entry, entry_in(kv));
  WEIR_TRY(const std::string type, text_in(event, "type"));
  if (type == "DELETE") return Change{std::move(entry.key), std::nullopt, entry.modified};
  if (!type.empty() && type != "PUT") return corrupt("an event of the unknown type " + type);
  return Change{std::move(entry.key), std::move(entry.value), entry.modified};
}

// Parses `json` and hands its outermost object to `read`.
template <class Read>
auto parse_object(std::string_view json, Read read) -> decltype(read(object())) {
  simdjson::dom::parser parser;
  object root;
  const auto error = parser.parse(json.data(), json.size()).get(root);
  if (error == simdjson::INCORRECT_TYPE) return corrupt("it is no object");
  if (error != simdjson::SUCCESS) return corrupt(simdjson::error_message(error));
  return read(root);
}

Result<EtcdWatchMessage> watch_result_in(const object& result) {
  EtcdWatchMessage message;
  WEIR_TRY(message.header, header_in(result));
  WEIR_TRY(message.created, flag_in(result, "created"));
  WEIR_TRY(message.canceled, flag_in(result, "canceled"));
  WEIR_TRY(message.is_fragment, flag_in(result, "fragment"));
  WEIR_TRY(message.compact_revision, number_in(result, "compact_revision"));
  WEIR_TRY(message.cancel_reason, text_in(result, "cancel_reason"));
  WEIR_CHECK(for_each_in(result, "events", [&message](const object& event) -> Result<void> {
    WEIR_TRY(Change change, change_in(event));
    message.changes.push_back(std::move(change));
    return {};
  }));
  return message;
}

}  // namespace

std::string end_of_prefix(std::string prefix) {
  constexpr char last_byte = '\xff';
  while (!prefix.empty() && prefix.back() == last_byte) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');  // etcd: to the end of all keys
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::string etcd_range_request(std::string_view key, std::string_view end, std::uint64_t limit, Revision revision) {
  std::string json = "{";
  append_member(json, "key", key);
  if (!end.empty()) append_member(json.append(","), "range_end", end);
  append_member(json.append(","), "limit", limit);
  if (revision != 0) append_member(json.append(","), "revision", revision);
  return json.append("}");
}

std::string etcd_transaction_request(std::string_view prefix, const std::vector<Guard>& guards,
                                     const std::vector<Write>& writes) {
  std::string json = "{\"compare\":[";
  const std::string before(prefix);
  for (const Guard& guard : guards) {
    json.append(json.back() == '[' ? "{" : ",{").append(R"("target":"MOD","result":"EQUAL",)");
    append_member(json, "key", before + guard.key);
    append_member(json.append(","), "mod_revision", guard.modified);
    json.append("}");
  }
  json.append("],\"success\":[");
  for (const Write& write : writes) {
    json.append(json.back() == '[' ? "{" : ",{");
    json.append(write.value ? R"("request_put":{)" : R"("request_delete_range":{)");
    append_member(json, "key", before + write.key);
    if (write.value) append_member(json.append(","), "value", *write.value);
    json.append("}}");
  }
  return json.append("]}");
}

std::string etcd_watch_request(const std::string& prefix, Revision first) {
  std::string json = "{\"create_request\":{";
  append_member(json, "key", prefix);
  append_member(json.append(","), "range_end", end_of_prefix(prefix));
  append_member(json.append(","), "start_revision", first);
  return json.append(",\"fragment\":true,\"progress_notify\":true}}");
}

std::uint64_t etcd_transaction_bytes(std::string_view prefix, const std::vector<Guard>& guards,
                                     const std::vector<Write>& writes) {
  std::uint64_t bytes = bytes_around_transaction;
  for (const Guard& guard : guards) bytes += bytes_around_operation + prefix.size() + guard.key.size();
  for (const Write& write : writes) {
    bytes += bytes_around_operation + prefix.size() + write.key.size() + (write.value ? write.value->size() : 0);
  }
  return bytes;
}

Result<EtcdRange> parse_etcd_range(std::string_view json) {
  return parse_object(json, [](const object& root) -> Result<EtcdRange> {
    EtcdRange range;
    WEIR_TRY(range.header, header_in(root));
    WEIR_TRY(range.more, flag_in(root, "more"));
    WEIR_CHECK(for_each_in(root, "kvs", [&range](const object& kv) -> Result<void> {
      WEIR_TRY(KeyValue entry, entry_in(kv));
      range.entries.push_back(std::move(entry));
      return {};
    }));
    return range;
  });
}

Result<EtcdTransaction> parse_etcd_transaction(std::string_view json) {
  return parse_object(json, [](const object& root) -> Result<EtcdTransaction> {
    EtcdTransaction transaction;
    WEIR_TRY(transaction.header, header_in(root));
    WEIR_TRY(transaction.succeeded, flag_in(root, "succeeded"));
    return transaction;
  });
}

Result<EtcdWatchMessage> parse_etcd_watch_message(std::string_view json) {
  return parse_object(json, [](const object& root) -> Result<EtcdWatchMessage> {
    object inner;
    if (root["result"].get(inner) == simdjson::SUCCESS) return watch_result_in(inner);
    if (root["error"].get(inner) != simdjson::SUCCESS) return corrupt("a line that is neither result nor error");
    WEIR_TRY(const std::string message, text_in(inner, "message"));
    return fail(ErrorCode::unavailable, "the watch failed: " + message);
  });
}

Result<EtcdRefusal> parse_etcd_refusal(std::string_view json) {
  return parse_object(json, [](const object& root) -> Result<EtcdRefusal> {
    EtcdRefusal refusal;
    WEIR_TRY(refusal.message, text_in(root, "message"));
    WEIR_TRY(const std::uint64_t code, number_in(root, "code"));
    refusal.code = static_cast<std::int64_t>(code);
    return refusal;
  });
}

}  // namespace weir::metastore
