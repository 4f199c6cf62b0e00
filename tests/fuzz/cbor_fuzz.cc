// CBOR request bodies.
#include "tests/fuzz/codec_fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::kinesis::fuzz_codec(weir::kinesis::Encoding::cbor, data, size);
  return 0;
}
