#include "net/rpc_connection.h"

#include <utility>

#include "net/http2/http2_client.h"
#include "net/protocol.h"

namespace weir::net {
namespace {

class Http2Connection final : public RpcConnection {
 public:
  Http2Connection(env::Core& core, HttpClientOptions options) : client_(core, std::move(options)) {}

  env::Task<Result<HttpClientResponse>> send(std::string_view path, std::string body, MonotonicTime deadline) override {
    return client_.send({.method = "POST",
                         .target = std::string(path),
                         .headers = {{"content-type", "application/x-protobuf"},
                                     {std::string(protocol_header), protocol_range_text(own_protocols)}},
                         .body = std::move(body)},
                        deadline);
  }
  void close() noexcept override { client_.close(); }
  env::Task<void> stop() override { return client_.stop(); }

 private:
  Http2Client client_;
};

}  // namespace

ConnectToPeer connect_by_http2(HttpClientOptions options) {
  return [options = std::move(options)](env::Core& core, const env::Endpoint& endpoint) {
    HttpClientOptions mine = options;
    mine.endpoint = endpoint;
    return std::make_unique<Http2Connection>(core, std::move(mine));
  };
}

}  // namespace weir::net
