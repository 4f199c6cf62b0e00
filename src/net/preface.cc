#include "net/preface.h"

namespace weir::net {

env::Task<Protocol> detect_protocol(env::Connection& connection, ReceiveBuffer& received, MonotonicTime deadline) {
  for (;;) {
    const std::string_view text = as_text(received.filled());
    if (text.starts_with(http2_preface)) co_return Protocol::http2;
    if (!http2_preface.starts_with(text)) co_return Protocol::http1;
    const Result<std::size_t> got = co_await connection.read_some(received.free_space(), deadline);
    if (!got.has_value() || *got == 0) co_return Protocol::none;
    received.append(*got);
  }
}

}  // namespace weir::net
