// HTTP/1.1: any bytes, in any pieces, end in answers and a closed connection.
#include "net/http1/http1_connection.h"
#include "tests/fuzz/support/http_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::testing::fuzz_connection<weir::net::Http1Connection>({data, size}, "");
  return 0;
}
