// must: unwraps a Result that a test takes for granted. gtest's ASSERT_ returns from the function, which a coroutine
// cannot; this ends the process with the error's message instead.
#pragma once

#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/result.h"

namespace weir::test {

template <class T>
T must(Result<T> result) {
  if (!result.has_value())
    assertion_failed("the test's step succeeds", "must.h", __LINE__, result.error().message.c_str());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace weir::test
