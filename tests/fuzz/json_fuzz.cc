// JSON request bodies. Besides not crashing, the decoder must agree with simdjson's own DOM parser on what is JSON.
#include "simdjson.h"
#include "tests/fuzz/codec_fuzz_support.h"

namespace {

// Nesting as deep as ours is refused by us and not by the DOM parser.
bool nests_too_deep(simdjson::dom::element element, int depth) {
  if (depth >= weir::kinesis::nesting_max) return true;
  if (element.is_array()) {
    for (const auto inner : element.get_array()) {
      if ((inner.is_array() || inner.is_object()) && nests_too_deep(inner, depth + 1)) return true;
    }
  } else if (element.is_object()) {
    for (const auto field : element.get_object()) {
      if ((field.value.is_array() || field.value.is_object()) && nests_too_deep(field.value, depth + 1)) return true;
    }
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::kinesis::fuzz_codec(weir::kinesis::Encoding::json, data, size);

  weir::kinesis::FuzzBody body(data, size);
  const bool ours = weir::kinesis::is_well_formed(weir::kinesis::Encoding::json, body.bytes());
  static simdjson::dom::parser parser;
  simdjson::dom::element element;
  const auto error = parser.parse(simdjson::padded_string(reinterpret_cast<const char*>(data), size)).get(element);
  // The DOM parser refuses numbers that no double or 64-bit integer can hold; the grammar, and we, accept them.
  if (error == simdjson::NUMBER_ERROR || error == simdjson::DEPTH_ERROR) return 0;
  const bool theirs = error == simdjson::SUCCESS && element.is_object() && !nests_too_deep(element, 0);
  weir::kinesis::require(ours == theirs);
  return 0;
}
