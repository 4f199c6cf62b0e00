#include "net/http1/http1_call.h"

#include <utility>

#include "net/tls/tls.h"

namespace weir::net {

env::Task<Result<void>> connect_to_server(env::Core& core, const HttpClientOptions& options,
                                          std::unique_ptr<env::Connection>& connection, MonotonicTime deadline) {
  WEIR_CO_TRY(connection, co_await core.network().connect(options.endpoint, deadline));
  if (options.tls == nullptr) co_return Result<void>();
  std::string server_name = options.host.empty() ? options.endpoint.address : options.host;
  if (const std::string port = ":" + std::to_string(options.endpoint.port); server_name.ends_with(port)) {
    server_name.resize(server_name.size() - port.size());
  }
  if (server_name.starts_with('[') && server_name.ends_with(']')) {
    server_name = server_name.substr(1, server_name.size() - 2);
  }
  auto secured = std::make_unique<TlsConnection>(core, std::move(connection), options.tls, server_name);
  TlsConnection& tls = *secured;
  connection = std::move(secured);
  co_return co_await tls.handshake(deadline);
}

std::string http1_request_head(const HttpClientRequest& request, const std::string& host) {
  std::string head = request.method + " " + request.target + " HTTP/1.1\r\nHost: " + host + "\r\n";
  for (const auto& [name, value] : request.headers) head.append(name).append(": ").append(value).append("\r\n");
  head.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n\r\n");
  return head;
}

}  // namespace weir::net
