// HTTP/2: any frames after a good beginning, in any pieces, end in answers or a GOAWAY and a closed connection.
#include "net/http2/http2_connection.h"
#include "net/preface.h"
#include "tests/fuzz/support/http_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view empty_settings("\0\0\0\x04\0\0\0\0\0", 9);
  static const std::string greeting = std::string(weir::net::http2_preface) + std::string(empty_settings);
  weir::testing::fuzz_connection<weir::net::Http2Connection>({data, size}, greeting);
  return 0;
}
