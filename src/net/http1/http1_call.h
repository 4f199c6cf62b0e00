// What the clients of HTTP/1.1 share: the way to a server and the head of a request.
#pragma once

#include <memory>
#include <string>

#include "net/client.h"

namespace weir::net {

// Connects to options.endpoint, over TLS where options.tls is there. `connection` holds the connection as soon as there
// is one to close, also when this fails later. Errors: unavailable, timeout, closed, limit_exceeded, io.
[[nodiscard]] env::Task<Result<void>> connect_to_server(env::Core& core, const HttpClientOptions& options,
                                                        std::unique_ptr<env::Connection>& connection,
                                                        MonotonicTime deadline);

// The request line and the headers, Host and Content-Length among them. `host`: as HttpClientOptions::host, not empty.
[[nodiscard]] std::string http1_request_head(const HttpClientRequest& request, const std::string& host);

}  // namespace weir::net
