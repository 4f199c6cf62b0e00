// Tells HTTP/2 with prior knowledge from HTTP/1.1 by a connection's first bytes.
#pragma once

#include <cstdint>
#include <string_view>

#include "env/network.h"
#include "env/task.h"
#include "net/receive_buffer.h"

namespace weir::net {

// What an HTTP/2 client sends before anything else (RFC 9113, 3.4). No HTTP/1 method is called PRI.
inline constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum class Protocol : std::uint8_t {
  http1,
  http2,
  none,  // the connection ended, or stayed silent until the deadline
};

// Reads into `received` until its bytes differ from the preface or hold all of it. Nothing is taken out.
[[nodiscard]] env::Task<Protocol> detect_protocol(env::Connection& connection, ReceiveBuffer& received,
                                                  MonotonicTime deadline);

}  // namespace weir::net
