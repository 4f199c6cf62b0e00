// The two ids that every answer carries (API reference, section 1.6). They name a request in logs; nothing depends on
// them. On the core.
#pragma once

#include <string>

#include "env/core.h"

namespace weir::frontend {

// x-amzn-RequestId: a random UUID (version 4) in its text form.
[[nodiscard]] std::string make_request_id(env::Core& core);
// x-amz-id-2: Base64 of 72 random bytes.
[[nodiscard]] std::string make_extended_request_id(env::Core& core);

}  // namespace weir::frontend
