// What every metastore demands of a transaction, so that code which works with one works with all.
#pragma once

#include <vector>

#include "metastore/metastore.h"

namespace weir::metastore {

inline constexpr std::size_t key_bytes_max = 1024;
inline constexpr std::size_t value_bytes_max = 1U << 20;
inline constexpr std::size_t transaction_bytes_max = 16U << 20;  // keys and values together

// Errors: invalid_argument for an empty or too long key, a value or transaction that is too large, a key written twice.
[[nodiscard]] Result<void> check_transaction(const std::vector<Guard>& guards, const std::vector<Write>& writes);

}  // namespace weir::metastore
