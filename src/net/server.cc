#include "net/server.h"

#include "absl/container/flat_hash_set.h"
#include "base/log.h"
#include "net/http1/http1_connection.h"
#include "net/http2/http2_connection.h"
#include "net/peer.h"
#include "net/preface.h"
#include "net/tls/tls.h"

namespace weir::net {

namespace {
// How long the listener rests when the system has no descriptor for the next connection.
constexpr milliseconds accept_pause{100};

// How long a peer that does not read can hold up the end of a TLS session.
constexpr milliseconds goodbye_time_max{1'000};
}  // namespace

// One connection, from its first hand-over to its close.
struct HttpServer::Session {
  CoreState& home;  // the serving core that it is one of
  std::unique_ptr<env::Connection> connection;
  TlsConnection* tls = nullptr;  // the same connection, where the port is a TLS port
  std::optional<PeerIdentity> peer;
  std::unique_ptr<HttpConnection> http;  // null until the protocol is known
};

struct HttpServer::CoreState {
  CoreState(const ServingCore& serving, HttpResources& resources, HttpContext::Place place)
      : context(serving.core, serving.handler, resources, place), tasks(serving.core), session_ended(serving.core) {}

  HttpContext context;
  env::TaskGroup tasks;
  env::Event session_ended;
  absl::flat_hash_set<Session*> sessions;
  bool draining = false;
};

env::Task<Result<std::unique_ptr<HttpServer>>> HttpServer::start(env::Core& core,
                                                                 std::vector<ServingCore> serving_cores,
                                                                 HttpResources& resources, HttpServerOptions options) {
  WEIR_ASSERT(!serving_cores.empty());
  Result<std::unique_ptr<env::Listener>> listener = co_await core.network().listen(options.endpoint, options.backlog);
  if (!listener.has_value()) co_return std::unexpected(std::move(listener.error()));
  std::unique_ptr<HttpServer> server(
      new HttpServer(core, serving_cores, resources, std::move(options), std::move(*listener)));
  server->accepting_->spawn(server->accept_connections());
  co_return server;
}

HttpServer::HttpServer(env::Core& core, const std::vector<ServingCore>& serving_cores, HttpResources& resources,
                       HttpServerOptions options, std::unique_ptr<env::Listener> listener)
    : core_(core),
      resources_(resources),
      options_(std::move(options)),
      listener_(std::move(listener)),
      accepting_(std::make_unique<env::TaskGroup>(core)),
      serving_count_(serving_cores.size()) {
  const auto add = [&](const ServingCore& serving, HttpContext::Place place) {
    cores_.push_back(std::make_unique<CoreState>(serving, resources, place));
    std::uint64_t& resets_max = cores_.back()->context.h2_resets_per_interval_max;
    resets_max = options_.h2_resets_per_interval_max.value_or(resets_max);
  };
  const bool moves = options_.background.has_value();
  for (const ServingCore& serving : serving_cores)
    add(serving, moves ? HttpContext::Place::foreground : HttpContext::Place::alone);
  if (!moves) return;
  add(*options_.background, HttpContext::Place::background);
  background_ = cores_.back().get();
}

HttpServer::~HttpServer() = default;

const env::Endpoint& HttpServer::local() const noexcept { return listener_->local(); }

env::Task<void> HttpServer::accept_connections() {
  for (;;) {
    Result<std::unique_ptr<env::PendingConnection>> pending = co_await listener_->accept();
    if (!pending.has_value()) {
      if (pending.error().code == ErrorCode::closed) co_return;
      log_warning("net", "accepting a connection failed", {{"error", pending.error().message}});
      co_await core_.sleep_for(accept_pause);
      continue;
    }
    if (resources_.connections.fetch_add(1) >= resources_.settings.connections_max.get()) {
      resources_.connections.fetch_sub(1);
      resources_.metrics.connections_over_limit.add();
      continue;  // closes it
    }
    resources_.metrics.connections_accepted.add();
    resources_.metrics.connections.add(1);
    CoreState& home = *cores_[next_core_];
    next_core_ = (next_core_ + 1) % serving_count_;
    env::spawn(hand_over(home, std::make_unique<Session>(home), std::move(*pending)));
  }
}

// Between two cores nothing waits: what stop() posts to `to` after this comes after it.
env::Task<void> HttpServer::hand_over(CoreState& to, std::unique_ptr<Session> session,
                                      std::unique_ptr<env::PendingConnection> pending) {
  co_await to.context.core.enter();
  to.tasks.spawn(serve(to, std::move(session), std::move(pending)));
}

env::Task<void> HttpServer::serve(CoreState& state, std::unique_ptr<Session> session,
                                  std::unique_ptr<env::PendingConnection> pending) {
  adopt(state, *session, std::move(pending));
  state.sessions.insert(session.get());
  const bool moves = co_await serve_session(state, *session);
  if (!moves) session->connection->close();
  state.sessions.erase(session.get());
  state.session_ended.notify_all();
  if (moves) {
    move(state, std::move(session));
    co_return;
  }
  resources_.connections.fetch_sub(1);
  resources_.metrics.connections.add(-1);
}

void HttpServer::adopt(CoreState& state, Session& session, std::unique_ptr<env::PendingConnection> pending) {
  env::Core& core = state.context.core;
  std::unique_ptr<env::Connection> connection = core.network().adopt(std::move(pending));
  if (session.tls != nullptr) {
    session.tls->arrive(core, std::move(connection));
  } else if (options_.tls != nullptr) {
    auto secured = std::make_unique<TlsConnection>(core, std::move(connection), options_.tls);
    session.tls = secured.get();
    session.connection = std::move(secured);
  } else {
    session.connection = std::move(connection);
  }
  if (session.http != nullptr) session.http->arrive(state.context, *session.connection);
  if (&state == background_) session.connection->give_way(true);
}

void HttpServer::move(CoreState& from, std::unique_ptr<Session> session) {
  session->http->leave();
  std::unique_ptr<env::PendingConnection> pending = from.context.core.network().release(
      session->tls != nullptr ? session->tls->leave() : std::move(session->connection));
  const bool to_background = &from != background_;
  resources_.metrics.connections_in_background.add(to_background ? 1 : -1);
  if (to_background) resources_.metrics.connections_moved.add();
  CoreState& to = to_background ? *background_ : session->home;
  env::spawn(hand_over(to, std::move(session), std::move(pending)));
}

env::Task<bool> HttpServer::serve_session(CoreState& state, Session& session) {
  if (session.http == nullptr && (state.draining || !co_await begin_session(state, session))) co_return false;
  if (state.draining) session.http->begin_drain();
  if (co_await session.http->run() == HttpConnection::Ending::moves) co_return true;
  if (&state == background_) resources_.metrics.connections_in_background.add(-1);
  if (session.tls != nullptr) co_await session.tls->shutdown(state.context.core.now() + Duration(goodbye_time_max));
  co_return false;
}

// False when there is nobody to serve.
env::Task<bool> HttpServer::begin_session(CoreState& state, Session& session) {
  HttpContext& context = state.context;
  ConnectionTraits traits{.over_tls = options_.tls != nullptr,
                          .peer_is_loopback = session.connection->peer().is_loopback()};
  const MonotonicTime deadline = context.core.now() + Duration(context.settings.header_timeout.get());
  ReceiveBuffer received(context.buffers, resources_.request_memory);
  Protocol protocol = Protocol::none;
  if (session.tls == nullptr) {
    protocol = co_await detect_protocol(*session.connection, received, deadline);
  } else if (const Result<void> shaken = co_await session.tls->handshake(deadline); shaken.has_value()) {
    protocol = session.tls->protocol() == "h2" ? Protocol::http2 : Protocol::http1;
    session.peer = session.tls->peer_identity();
    if (session.peer) traits.peer = &*session.peer;
  } else {
    context.metrics.tls_handshakes_failed.add();
    log_debug("net", "a TLS handshake failed", {{"error", shaken.error().message}});
  }
  if (protocol == Protocol::http2) {
    session.http = std::make_unique<Http2Connection>(context, *session.connection, traits, std::move(received));
  } else if (protocol == Protocol::http1) {
    session.http = std::make_unique<Http1Connection>(context, *session.connection, traits, std::move(received));
  }
  co_return session.http != nullptr;
}

env::Task<void> HttpServer::stop(Duration grace) {
  const MonotonicTime deadline = core_.now() + grace;
  listener_->close();
  co_await accepting_->wait();
  for (const auto& state : cores_) {
    co_await state->context.core.enter();
    co_await begin_drain(*state);
  }
  for (const auto& state : cores_) {
    co_await state->context.core.enter();
    co_await finish_drain(*state, deadline);
  }
  co_await core_.enter();
}

env::Task<void> HttpServer::begin_drain(CoreState& state) {
  state.draining = true;
  // Closing a connection may end its session.
  const std::vector<Session*> sessions(state.sessions.begin(), state.sessions.end());
  for (Session* session : sessions) {
    if (!state.sessions.contains(session)) continue;
    if (session->http != nullptr) {
      session->http->begin_drain();
    } else {
      session->connection->close();
    }
  }
  co_return;
}

env::Task<void> HttpServer::finish_drain(CoreState& state, MonotonicTime deadline) {
  while (!state.sessions.empty()) {
    if (!co_await state.session_ended.wait_until(deadline)) break;
  }
  const std::vector<Session*> sessions(state.sessions.begin(), state.sessions.end());
  for (Session* session : sessions) {
    if (state.sessions.contains(session)) session->connection->close();
  }
  co_await state.tasks.wait();
}

}  // namespace weir::net
