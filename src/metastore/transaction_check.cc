#include "metastore/transaction_check.h"

#include <string_view>

#include "absl/container/flat_hash_set.h"

namespace weir::metastore {
namespace {

Result<void> check_key(std::string_view key) {
  if (key.empty() || key.size() > key_bytes_max) {
    return fail(ErrorCode::invalid_argument, "metadata key of " + std::to_string(key.size()) + " bytes");
  }
  return {};
}

}  // namespace

Result<void> check_transaction(const std::vector<Guard>& guards, const std::vector<Write>& writes) {
  for (const Guard& guard : guards) WEIR_CHECK(check_key(guard.key));
  absl::flat_hash_set<std::string_view> written;
  std::size_t total_bytes = 0;
  for (const Write& write : writes) {
    WEIR_CHECK(check_key(write.key));
    if (!written.insert(write.key).second) return fail(ErrorCode::invalid_argument, write.key + " is written twice");
    const std::size_t value_bytes = write.value ? write.value->size() : 0;
    if (value_bytes > value_bytes_max) {
      return fail(ErrorCode::invalid_argument, write.key + ": a value of " + std::to_string(value_bytes) + " bytes");
    }
    total_bytes += write.key.size() + value_bytes;
  }
  if (total_bytes > transaction_bytes_max) {
    return fail(ErrorCode::invalid_argument, "a transaction of " + std::to_string(total_bytes) + " bytes");
  }
  return {};
}

}  // namespace weir::metastore
