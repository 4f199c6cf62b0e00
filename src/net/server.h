// HttpServer: accepts connections on one port and spreads them over cores.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "env/core.h"
#include "env/network.h"
#include "env/task.h"
#include "env/task_group.h"
#include "net/http.h"
#include "net/http_context.h"

namespace weir::net {

class TlsContext;

// A core that serves connections, and who answers on it. Both outlive the server.
struct ServingCore {
  env::Core& core;
  HttpHandler& handler;
};

struct HttpServerOptions {
  env::Endpoint endpoint;  // port 0: any free one
  std::uint32_t backlog = 4'096;
  // A core besides, for connections whose answers say that they give way (HttpResponse): they move there after such an
  // answer, and back after one that does not say so. Not set: they stay.
  std::optional<ServingCore> background;
  // Null: plain TCP, HTTP/2 told from HTTP/1.1 by its preface. Otherwise TLS, told by ALPN.
  std::shared_ptr<const TlsContext> tls;
  // In place of net.h2_resets_per_interval_max, where set: for a port whose clients are known (their certificates say
  // so) and may give up hundreds of requests at once when this process is slow.
  std::optional<std::uint64_t> h2_resets_per_interval_max;
};

// The listener lives on the core that called start(); connections go round the serving cores in turn and stay where
// they land, unless they give way (HttpServerOptions::background). While net.connections_max connections are open in
// the process, further ones are accepted, closed and counted.
class HttpServer {
 public:
  // `resources` outlives the server. Errors: already_exists when the port is taken, io.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<HttpServer>>> start(env::Core& core,
                                                                            std::vector<ServingCore> serving_cores,
                                                                            HttpResources& resources,
                                                                            HttpServerOptions options);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // after stop()

  [[nodiscard]] const env::Endpoint& local() const noexcept;  // with the port that the system chose

  // Stops accepting, closes idle connections, tells HTTP/2 peers to go away and lets requests in flight finish. After
  // `grace` what is still open is closed. Returns when every connection and every handler has ended. Call once, on the
  // core that called start().
  [[nodiscard]] env::Task<void> stop(Duration grace);

 private:
  struct Session;
  struct CoreState;

  HttpServer(env::Core& core, const std::vector<ServingCore>& serving_cores, HttpResources& resources,
             HttpServerOptions options, std::unique_ptr<env::Listener> listener);

  [[nodiscard]] env::Task<void> accept_connections();
  [[nodiscard]] env::Task<void> hand_over(CoreState& to, std::unique_ptr<Session> session,
                                          std::unique_ptr<env::PendingConnection> pending);
  [[nodiscard]] env::Task<void> serve(CoreState& state, std::unique_ptr<Session> session,
                                      std::unique_ptr<env::PendingConnection> pending);
  // True when the session moves to the other of its cores.
  [[nodiscard]] env::Task<bool> serve_session(CoreState& state, Session& session);
  [[nodiscard]] env::Task<bool> begin_session(CoreState& state, Session& session);
  void adopt(CoreState& state, Session& session, std::unique_ptr<env::PendingConnection> pending);
  void move(CoreState& from, std::unique_ptr<Session> session);
  [[nodiscard]] static env::Task<void> begin_drain(CoreState& state);
  [[nodiscard]] static env::Task<void> finish_drain(CoreState& state, MonotonicTime deadline);

  env::Core& core_;
  HttpResources& resources_;
  HttpServerOptions options_;
  std::unique_ptr<env::Listener> listener_;
  std::unique_ptr<env::TaskGroup> accepting_;
  std::vector<std::unique_ptr<CoreState>> cores_;  // the serving ones, then the background core where there is one
  CoreState* background_ = nullptr;
  std::size_t serving_count_;
  std::size_t next_core_ = 0;
};

}  // namespace weir::net
