// RpcConnection: how one core reaches one other process of a fleet. Between processes: connect_by_http2(); tests bring
// their own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "env/core.h"
#include "env/network.h"
#include "env/task.h"
#include "net/client.h"

namespace weir::net {

// Belongs to one core. Connects when there is something to send, and anew after a loss.
class RpcConnection {
 public:
  RpcConnection() = default;
  RpcConnection(const RpcConnection&) = delete;
  RpcConnection& operator=(const RpcConnection&) = delete;
  virtual ~RpcConnection() = default;  // after stop(), or before the first send()

  // POSTs `body` to `path`; many at once. Nothing is sent twice. Errors as Http2Client::send(): unavailable,
  // limit_exceeded and invalid_argument when the peer has certainly not acted on the request, anything else when nobody
  // knows.
  [[nodiscard]] virtual env::Task<Result<HttpClientResponse>> send(std::string_view path, std::string body,
                                                                   MonotonicTime deadline) = 0;
  // What is under way ends with `closed`.
  virtual void close() noexcept = 0;
  // close(), and waits until nothing is left of the connection. No send() may be under way or follow.
  [[nodiscard]] virtual env::Task<void> stop() = 0;
};

using ConnectToPeer = std::function<std::unique_ptr<RpcConnection>(env::Core&, const env::Endpoint&)>;

// Connections by net::Http2Client. `options`: all but the endpoint.
[[nodiscard]] ConnectToPeer connect_by_http2(HttpClientOptions options);

}  // namespace weir::net
