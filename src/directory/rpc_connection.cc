#include "directory/rpc_connection.h"

#include <utility>

#include "net/http2_client.h"

namespace weir::directory {
namespace {

class Http2Connection final : public RpcConnection {
 public:
  Http2Connection(env::Core& core, net::HttpClientOptions options) : client_(core, std::move(options)) {}

  env::Task<Result<net::HttpClientResponse>> send(std::string_view path, std::string body,
                                                  MonotonicTime deadline) override {
    return client_.send({.method = "POST",
                         .target = std::string(path),
                         .headers = {{"content-type", "application/x-protobuf"}},
                         .body = std::move(body)},
                        deadline);
  }
  void close() noexcept override { client_.close(); }
  env::Task<void> stop() override { return client_.stop(); }

 private:
  net::Http2Client client_;
};

}  // namespace

ConnectToDirectory connect_by_http2(net::HttpClientOptions options) {
  return [options = std::move(options)](env::Core& core, const env::Endpoint& endpoint) {
    net::HttpClientOptions mine = options;
    mine.endpoint = endpoint;
    return std::make_unique<Http2Connection>(core, std::move(mine));
  };
}

}  // namespace weir::directory
