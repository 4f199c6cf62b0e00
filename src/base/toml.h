// The TOML parser, made safe. For the few .cc files that read TOML; its header is heavy.
#pragma once

namespace weir {

// toml++ 3.3 asserts, and without assertions has undefined behaviour, on a table header that starts with no key, such
// as "[=]" or "[[[". Its assertions are made to throw this in every build; whoever parses catches it beside
// toml::parse_error.
struct TomlAssertionFailed {};
[[noreturn]] inline void toml_assertion_failed() { throw TomlAssertionFailed(); }

}  // namespace weir

#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : ::weir::toml_assertion_failed())
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")
