// A move-only callable, for work that is handed to another core or thread.
#pragma once

#include <functional>

#include "absl/functional/any_invocable.h"

namespace weir {

template <class Signature>
using UniqueFunction = absl::AnyInvocable<Signature>;

}  // namespace weir
