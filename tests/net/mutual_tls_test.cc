// Both ends of a connection know each other: certificates of one authority, clients without one, impostors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/runtime.h"
#include "env/task_group.h"
#include "net/http2/http2_client.h"
#include "tests/net/served.h"

namespace weir::net {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

CertificatePem make_authority() {
  Result<CertificatePem> pem =
      make_certificate_authority("a fleet", sim_start - hours(1), sim_start + hours(24 * 3'650));
  WEIR_ASSERT(pem.has_value());
  return *std::move(pem);
}

CertificatePem issue(const CertificatePem& authority, std::vector<std::string> names,
                     WallTime until = sim_start + hours(24 * 365)) {
  Result<CertificatePem> pem = issue_certificate(
      authority, {.names = std::move(names), .valid_from = sim_start - hours(1), .valid_until = until});
  WEIR_ASSERT(pem.has_value());
  return *std::move(pem);
}

std::shared_ptr<const TlsContext> mutual_server(const CertificatePem& authority, const CertificatePem& own) {
  const auto context = TlsContext::server(own.certificate, own.private_key, authority.certificate);
  WEIR_ASSERT(context.has_value());
  return *context;
}

std::shared_ptr<const TlsContext> mutual_client(const CertificatePem& authority, const CertificatePem& own) {
  return client_tls({.trusted_pem = authority.certificate,
                     .protocols = {"h2"},
                     .certificate_pem = own.certificate,
                     .private_key_pem = own.private_key});
}

// What a request says that is sent as `host` by `tls`.
env::Task<std::string> ask(Served& served, std::shared_ptr<const TlsContext> tls, std::string host) {
  Http2Client client(served.simulation.core(0),
                     {.endpoint = served.server->local(), .host = std::move(host), .tls = std::move(tls)});
  const Result<HttpClientResponse> response = co_await client.send({.body = "x"}, no_deadline);
  co_await client.stop();
  if (response.has_value()) co_return "answered";
  EXPECT_EQ(response.error().code, ErrorCode::unavailable) << "the request was certainly not processed";
  co_return response.error().message;
}

TEST(MutualTls, ProcessesOfOneFleetReachEachOther) {
  const CertificatePem authority = make_authority();
  const CertificatePem node = issue(authority, {"node-1", "10.0.0.1", "fd00::1"});
  const CertificatePem frontend = issue(authority, {"frontend-1"});
  const auto body = [&](Served& served) -> env::Task<void> {
    for (const char* host : {"node-1", "10.0.0.1", "[fd00::1]:4600", "node-1:4600"}) {
      HttpClientOptions options{.endpoint = served.server->local(), .host = host, .tls = {}};
      if (options.host.ends_with(":4600")) {
        options.host.resize(options.host.size() - 4);
        options.host += std::to_string(options.endpoint.port);
      }
      EXPECT_EQ(co_await ask(served, mutual_client(authority, frontend), options.host), "answered") << host;
    }
    // The same certificate serves and asks.
    EXPECT_EQ(co_await ask(served, mutual_client(authority, node), "node-1"), "answered");
    EXPECT_EQ(served.metrics.tls_handshakes_failed.value(), 0U);
  };
  with_server({}, body, mutual_server(authority, node));
}

TEST(MutualTls, AClientThatTheAuthorityDoesNotKnowIsRefused) {
  const CertificatePem authority = make_authority();
  const CertificatePem other_authority = make_authority();
  const CertificatePem node = issue(authority, {"node-1"});
  const auto refused = [&](Served& served) -> env::Task<void> {
    const auto anonymous = client_tls({.trusted_pem = authority.certificate, .protocols = {"h2"}});
    EXPECT_THAT(co_await ask(served, anonymous, "node-1"), HasSubstr("certificate required"));
    const auto with_certificate = [&](const CertificatePem& own) { return mutual_client(authority, own); };
    EXPECT_THAT(co_await ask(served, with_certificate(issue(other_authority, {"frontend-1"})), "node-1"),
                HasSubstr("unknown ca"));
    EXPECT_THAT(co_await ask(served, with_certificate(test_certificate()), "node-1"),
                AnyOf(HasSubstr("unknown ca"), HasSubstr("bad certificate")));
    EXPECT_THAT(co_await ask(served, with_certificate(issue(authority, {"old"}, sim_start - seconds(1))), "node-1"),
                HasSubstr("expired"));
    co_await served.simulation.core(0).sleep_for(seconds(2));  // the server counts once the client has left
    EXPECT_EQ(served.metrics.tls_handshakes_failed.value(), 4U);
    EXPECT_EQ(served.seen(), 0U);
    EXPECT_EQ(co_await ask(served, with_certificate(issue(authority, {"frontend-1"})), "node-1"), "answered");
  };
  with_server({}, refused, mutual_server(authority, node));
}

TEST(MutualTls, AServerThatIsNotWhoItShouldBeGetsNoRequest) {
  const CertificatePem authority = make_authority();
  const CertificatePem other_authority = make_authority();
  const CertificatePem frontend = issue(authority, {"frontend-1"});
  const auto as_node_2 = [&](Served& served) -> env::Task<void> {
    EXPECT_THAT(co_await ask(served, mutual_client(authority, frontend), "node-1"), HasSubstr("hostname"));
    EXPECT_THAT(co_await ask(served, mutual_client(authority, frontend), "10.0.0.1"), HasSubstr("IP address"));
    EXPECT_THAT(co_await ask(served, mutual_client(authority, frontend), ""), HasSubstr("IP address"));
    EXPECT_EQ(served.seen(), 0U);
  };
  with_server({}, as_node_2, mutual_server(authority, issue(authority, {"node-2"})));
  const auto impostor = [&](Served& served) -> env::Task<void> {
    EXPECT_NE(co_await ask(served, mutual_client(authority, frontend), "node-1"), "answered");
    EXPECT_EQ(served.seen(), 0U);
  };
  with_server({}, impostor, mutual_server(authority, issue(other_authority, {"node-1"})));
  // One that speaks no HTTP/2 by ALPN, and one that speaks no TLS.
  const auto old = [&](Served& served) -> env::Task<void> {
    const auto http1_only = client_tls({.trusted_pem = authority.certificate, .protocols = {"http/1.1"}});
    EXPECT_THAT(co_await ask(served, http1_only, "node-1"), HasSubstr("HTTP/2"));
  };
  with_server({}, old, server_tls(issue(authority, {"node-1"})));
  const auto plain = [&](Served& served) -> env::Task<void> {
    EXPECT_NE(co_await ask(served, mutual_client(authority, frontend), "node-1"), "answered");
  };
  with_server({}, plain);
}

// Answers with who asks.
class WhoAsks final : public HttpHandler {
 public:
  env::Task<HttpResponse> handle(HttpRequest& request) override {
    HttpResponse response;
    response.body = request.peer == nullptr ? "nobody" : request.peer->name + " the " + request.peer->role;
    co_return response;
  }
  HttpResponse refuse(std::uint16_t status) override { return {.status = status, .headers = {}, .body = {}}; }
};

TEST(MutualTls, TheServerKnowsNameAndRoleOfWhoAsks) {
  const CertificatePem authority = make_authority();
  const auto with_role = [&](std::string name, std::string role) {
    const auto pem = issue_certificate(authority, {.names = {std::move(name)},
                                                   .valid_from = sim_start - hours(1),
                                                   .valid_until = sim_start + hours(24),
                                                   .role = std::move(role)});
    WEIR_ASSERT(pem.has_value());
    return *pem;
  };
  EXPECT_EQ(issue_certificate(authority, {.names = {"x"},
                                          .valid_from = sim_start,
                                          .valid_until = sim_start + hours(1),
                                          .role = "cell,URI:urn:weir:role:operator"})
                .error()
                .code,
            ErrorCode::invalid_argument);
  const CertificatePem node = issue(authority, {"node-1"});
  with_server({}, [&](Served& served) -> env::Task<void> {
    env::Core& core = served.simulation.core(0);
    WhoAsks who;
    const auto ask_as = [&](std::shared_ptr<const TlsContext> server_context,
                            std::shared_ptr<const TlsContext> client_context) -> env::Task<std::string> {
      auto server = co_await HttpServer::start(core, {{core, who}}, served.resources,
                                               {.endpoint = {"127.0.0.1", 0}, .tls = std::move(server_context)});
      WEIR_ASSERT(server.has_value());
      Http2Client client(core, {.endpoint = (*server)->local(), .host = "node-1", .tls = std::move(client_context)});
      const auto response = co_await client.send({.body = "x"}, no_deadline);
      co_await client.stop();
      co_await (*server)->stop(seconds(1));
      co_return response ? response->body : response.error().message;
    };
    const auto server = mutual_server(authority, node);
    EXPECT_EQ(co_await ask_as(server, mutual_client(authority, with_role("node-7", "cell"))), "node-7 the cell");
    EXPECT_EQ(co_await ask_as(server, mutual_client(authority, issue(authority, {"old"}))), "old the ");
    // Where no certificate is asked for nobody is known.
    EXPECT_EQ(co_await ask_as(server_tls(node), mutual_client(authority, with_role("node-7", "cell"))), "nobody");
  });
}

TEST(MutualTls, RenewedCertificatesServeWithoutARestart) {
  const CertificatePem authority = make_authority();
  const CertificatePem next_authority = make_authority();
  const auto server = mutual_server(authority, issue(authority, {"node-1"}));
  const auto client = mutual_client(authority, issue(authority, {"frontend-1"}));
  with_server(
      {},
      [&](Served& served) -> env::Task<void> {
        const auto next_client = mutual_client(next_authority, issue(next_authority, {"frontend-1"}));
        EXPECT_EQ(co_await ask(served, client, "node-1"), "answered");
        EXPECT_NE(co_await ask(served, next_client, "node-1"), "answered");
        EXPECT_TRUE(server->succeed_by(mutual_server(next_authority, issue(next_authority, {"node-1"}))).has_value());
        EXPECT_NE(co_await ask(served, client, "node-1"), "answered");
        EXPECT_EQ(co_await ask(served, next_client, "node-1"), "answered");
        EXPECT_TRUE(client->succeed_by(next_client).has_value());
        EXPECT_EQ(co_await ask(served, client, "node-1"), "answered");
      },
      server);
}

TEST(MutualTls, ContextsRefuseHalfAnIdentityAndNothingToTrust) {
  const CertificatePem authority = make_authority();
  const CertificatePem one = issue(authority, {"one"});
  const CertificatePem two = issue(authority, {"two"});
  const auto client = [](std::string certificate, std::string key) {
    return TlsContext::client({.certificate_pem = std::move(certificate), .private_key_pem = std::move(key)});
  };
  EXPECT_TRUE(client(one.certificate, one.private_key).has_value());
  EXPECT_EQ(client(one.certificate, "").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(client("", one.private_key).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(client(one.certificate, two.private_key).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(TlsContext::server(one.certificate, one.private_key, "nonsense").error().code, ErrorCode::invalid_argument);
}

TEST(Certificates, AnAuthoritySignsOnlyWhatItMay) {
  const CertificatePem authority = make_authority();
  const CertificatePem leaf = issue(authority, {"node-1"});
  const auto code = [](const CertificatePem& by, std::vector<std::string> names, WallTime from = sim_start,
                       WallTime until = sim_start + hours(1)) {
    const auto issued = issue_certificate(by, {.names = std::move(names), .valid_from = from, .valid_until = until});
    return issued.has_value() ? ErrorCode::internal : issued.error().code;
  };
  EXPECT_EQ(code(authority, {"node-2"}), ErrorCode::internal) << "issued";
  EXPECT_EQ(code(leaf, {"node-2"}), ErrorCode::invalid_argument) << "a node's certificate is no authority";
  EXPECT_EQ(code({authority.certificate, leaf.private_key}, {"node-2"}), ErrorCode::invalid_argument);
  EXPECT_EQ(code({"", ""}, {"node-2"}), ErrorCode::invalid_argument);
  EXPECT_EQ(code(authority, {}), ErrorCode::invalid_argument);
  EXPECT_EQ(code(authority, {"../node"}), ErrorCode::invalid_argument);
  EXPECT_EQ(code(authority, {"a,DNS:b"}), ErrorCode::invalid_argument);
  EXPECT_EQ(code(authority, {"node"}, sim_start, sim_start), ErrorCode::invalid_argument);
  EXPECT_EQ(code(authority, {"node"}, sim_start + hours(24 * 3'651), sim_start + hours(24 * 3'652)),
            ErrorCode::invalid_argument)
      << "the authority has ended by then";
  EXPECT_EQ(make_certificate_authority("", sim_start, sim_start + hours(1)).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(make_certificate_authority(std::string(65, 'x'), sim_start, sim_start + hours(1)).error().code,
            ErrorCode::invalid_argument);
}

env::Task<void> echo_once(Http2Client& client, std::string body, std::size_t& answered) {
  const std::string sent = body;
  const auto response = co_await client.send({.target = "/later", .body = std::move(body)}, no_deadline);
  EXPECT_TRUE(response.has_value() && response->body == sent)
      << (response.has_value() ? "other bytes" : response.error().message);
  ++answered;
}

// The same on real sockets and threads.
TEST(MutualTls, HundredsOfRequestsAtOnceOverRealLoopback) {
  const auto runtime = env::make_real_runtime({.cores = 2});
  SettingsRegistry settings_registry;
  const HttpSettings settings(settings_registry);
  MetricsRegistry metrics_registry;
  HttpMetrics metrics(metrics_registry);
  HttpResources resources(settings, metrics);
  EchoHandler handler(runtime->core(1));
  const auto main = [&]() -> env::Task<int> {
    env::Core& core = runtime->core(0);
    const WallTime from = core.wall_now() - hours(1);
    const WallTime until = core.wall_now() + hours(1);
    const auto authority = make_certificate_authority("a fleet", from, until);
    const auto own = issue_certificate(*authority, {.names = {"127.0.0.1"}, .valid_from = from, .valid_until = until});
    std::vector<ServingCore> cores{{runtime->core(1), handler}};
    auto server = co_await HttpServer::start(core, cores, resources,
                                             {.endpoint = {"127.0.0.1", 0}, .tls = mutual_server(*authority, *own)});
    WEIR_ASSERT(server.has_value());
    Http2Client client(core, {.endpoint = (*server)->local(), .host = "", .tls = mutual_client(*authority, *own)});
    std::size_t answered = 0;
    for (int round = 0; round < 3; ++round) {
      env::TaskGroup tasks(core);
      for (std::size_t i = 0; i < 300; ++i) {
        tasks.spawn(echo_once(client, std::string(i * i, static_cast<char>('a' + i % 26)), answered));
      }
      co_await tasks.wait();
    }
    EXPECT_EQ(answered, 900U);
    EXPECT_EQ(metrics.connections_accepted.value(), 1U);
    co_await client.stop();

    Http2Client anonymous(core, {.endpoint = (*server)->local(),
                                 .host = "",
                                 .tls = client_tls({.trusted_pem = authority->certificate, .protocols = {"h2"}})});
    const auto refused = co_await anonymous.send({}, no_deadline);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable) << refused.error().message;
    EXPECT_THAT(refused.error().message, HasSubstr("certificate required"));
    co_await anonymous.stop();
    co_await (*server)->stop(seconds(10));
    co_return 0;
  };
  EXPECT_EQ(runtime->run(main), 0);
  EXPECT_EQ(handler.seen.size(), 900U);
}

}  // namespace
}  // namespace weir::net
