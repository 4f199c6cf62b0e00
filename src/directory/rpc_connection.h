// RpcConnection: how one core reaches one process of the directory fleet. The implementation for processes is net's
// HTTP/2 client.
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

namespace weir::directory {

// Where a method is served: POST to this path, protobuf messages (map.proto) as bodies.
inline constexpr std::string_view follow_path = "/weir/1/follow";
inline constexpr std::string_view command_path = "/weir/1/command";

// Belongs to one core. Connects when there is something to send, and anew after a loss.
class RpcConnection {
 public:
  RpcConnection() = default;
  RpcConnection(const RpcConnection&) = delete;
  RpcConnection& operator=(const RpcConnection&) = delete;
  virtual ~RpcConnection() = default;  // after stop(), or before the first send()

  // POSTs `body` to `path`; many at once. Nothing is sent twice. Errors: unavailable when the peer has certainly not
  // seen the request; anything else (timeout, closed, io, corrupt, limit_exceeded) leaves open what became of it.
  [[nodiscard]] virtual env::Task<Result<net::HttpClientResponse>> send(std::string_view path, std::string body,
                                                                        MonotonicTime deadline) = 0;
  // What is under way ends with `closed`.
  virtual void close() noexcept = 0;
  // close(), and waits until nothing is left of the connection. No send() may be under way or follow.
  [[nodiscard]] virtual env::Task<void> stop() = 0;
};

using ConnectToDirectory = std::function<std::unique_ptr<RpcConnection>(env::Core&, const env::Endpoint&)>;

// Connections by net::Http2Client. `options`: all but the endpoint.
[[nodiscard]] ConnectToDirectory connect_by_http2(net::HttpClientOptions options);

}  // namespace weir::directory
