#include "cell/node_connection.h"

#include <utility>

#include "net/http2_client.h"

namespace weir::cell {
namespace {

class Http2NodeConnection final : public NodeConnection {
 public:
  Http2NodeConnection(env::Core& core, net::HttpClientOptions options) : client_(core, std::move(options)) {}

  [[nodiscard]] env::Task<Result<net::HttpClientResponse>> send(std::string_view path, std::string body,
                                                                MonotonicTime deadline) override {
    return client_.send({.method = "POST",
                         .target = std::string(path),
                         .headers = {{"content-type", "application/x-protobuf"}},
                         .body = std::move(body)},
                        deadline);
  }
  void close() noexcept override { client_.close(); }
  [[nodiscard]] env::Task<void> stop() override { return client_.stop(); }

 private:
  net::Http2Client client_;
};

}  // namespace

ConnectToNode connect_over_http2(net::HttpClientOptions options) {
  return [options = std::move(options)](env::Core& core, const env::Endpoint& endpoint) {
    net::HttpClientOptions of_node = options;
    of_node.endpoint = endpoint;
    return std::make_unique<Http2NodeConnection>(core, std::move(of_node));
  };
}

}  // namespace weir::cell
