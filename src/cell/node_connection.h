// NodeConnection: how one core reaches one node of a cell. Between processes: connect_over_http2().
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

namespace weir::cell {

// Belongs to one core. Connects when there is something to send, and anew after a loss.
class NodeConnection {
 public:
  NodeConnection() = default;
  NodeConnection(const NodeConnection&) = delete;
  NodeConnection& operator=(const NodeConnection&) = delete;
  virtual ~NodeConnection() = default;  // when no send() is under way

  // POSTs `body` to `path`; many at once. Nothing is sent twice. Errors as net::Http2Client::send(): unavailable,
  // limit_exceeded and invalid_argument when the node has certainly not acted on the request, anything else when
  // nobody knows.
  [[nodiscard]] virtual env::Task<Result<net::HttpClientResponse>> send(std::string_view path, std::string body,
                                                                        MonotonicTime deadline) = 0;
  // What is under way ends with `closed` or `unavailable`.
  virtual void close() noexcept = 0;
  // close(), and waits until nothing is left on the core.
  [[nodiscard]] virtual env::Task<void> stop() = 0;
};

using ConnectToNode = std::function<std::unique_ptr<NodeConnection>(env::Core&, const env::Endpoint&)>;

// Connections with `options`, of which the endpoint is replaced by the node's. Any core.
[[nodiscard]] ConnectToNode connect_over_http2(net::HttpClientOptions options);

}  // namespace weir::cell
