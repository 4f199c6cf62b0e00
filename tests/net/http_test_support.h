// What the tests of src/net share: a handler that echoes, and a connection served in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "env/task_group.h"
#include "net/http1/http1_connection.h"
#include "net/http_context.h"
#include "tests/fuzz/support/memory_core.h"

namespace weir::net {

// What a handler saw, in one text, so that two runs can be compared.
inline std::string describe(const HttpRequest& request) {
  std::string text(request.method);
  text.append(" ").append(request.path).append("?").append(request.query).append("\n");
  for (const HeaderField& field : request.headers) text.append(field.name).append("=").append(field.value).append("\n");
  return text.append("\n").append(as_text(request.body));
}

// One of the parts that "/parts" answers with behind "first,".
inline SharedBytes shared_part(int number) {
  const auto text =
      std::make_shared<const std::string>(static_cast<std::size_t>(number) * 500, static_cast<char>('a' + number % 26));
  return {.owner = text, .bytes = as_bytes(*text)};
}
inline std::string all_parts() {
  std::string text = "first,";
  for (int i = 0; i < 100; ++i) text.append(as_text(shared_part(i).bytes));
  return text;
}

// Keeps a description of every request and answers with its body; "/wait" waits until release() is called.
class EchoHandler final : public HttpHandler {
 public:
  explicit EchoHandler(env::Core& core) : released_(core), core_(core) {}

  [[nodiscard]] env::Task<HttpResponse> handle(HttpRequest& request) override {
    seen.push_back(describe(request));
    ++running;
    running_max = std::max(running_max, running);
    if (request.path == "/wait") co_await released_.wait();
    if (request.path == "/later") co_await core_.yield();
    HttpResponse response;
    response.headers.emplace_back("x-echo", "yes");
    if (request.path == "/last") response.ends_connection = true;
    if (request.path == "/over" || request.path == "/vain") response.gives_way = true;
    response.in_vain = request.path == "/vain";
    seen_at = core_.now();
    if (request.path == "/labelled") {
      response.body = *request.connection_label == nullptr ? "new" : "known";
      *request.connection_label = std::make_shared<int>(1);
    } else if (request.path == "/parts") {
      response.body = "first,";
      for (int i = 0; i < 100; ++i) response.body_rest.push_back(shared_part(i));
    } else if (request.path == "/large") {
      response.body.assign(3 * mebibyte, 'r');
    } else {
      response.body = as_text(request.body);
    }
    // What follows the body must be readable (the sanitizer looks).
    for (std::size_t i = 0; i < body_padding_bytes; ++i) {
      padding_sum += std::to_integer<unsigned>(
          request.body.data() == nullptr ? std::byte{0} : request.body.data()[request.body.size() + i]);
    }
    for (std::byte& byte : request.body) byte = std::byte{'!'};  // a handler may overwrite the body
    --running;
    co_return response;
  }
  [[nodiscard]] HttpResponse refuse(std::uint16_t status) override {
    return {.status = status, .headers = {{"x-refused", "yes"}}, .body = "refused"};
  }
  void release() { released_.notify_all(); }

  std::vector<std::string> seen;
  MonotonicTime seen_at{};  // the last of them
  std::size_t running = 0;
  std::size_t running_max = 0;
  unsigned padding_sum = 0;

 private:
  env::Event released_;
  env::Core& core_;
};

// Everything that one core needs to serve, on a memory core.
struct HttpFixture {
  explicit HttpFixture(std::initializer_list<std::string_view> assignments = {}) {
    for (const std::string_view assignment : assignments) {
      WEIR_ASSERT(settings_registry.set_assignment(assignment).has_value());
    }
    resources = std::make_unique<HttpResources>(settings, metrics);
    context = std::make_unique<HttpContext>(core, handler, *resources);
  }

  testing::MemoryCore core;
  SettingsRegistry settings_registry;
  HttpSettings settings{settings_registry};
  MetricsRegistry metrics_registry;
  HttpMetrics metrics{metrics_registry};
  EchoHandler handler{core};
  std::unique_ptr<HttpResources> resources;
  std::unique_ptr<HttpContext> context;
};

// A connection of `Connection` (Http1Connection, Http2Connection) that runs from construction on.
template <class Connection>
struct ServedConnection {
  explicit ServedConnection(HttpFixture& on, std::size_t read_bytes_max = std::numeric_limits<std::size_t>::max())
      : fixture(on),
        to_server(on.core),
        to_client(on.core),
        transport(to_server, to_client, read_bytes_max),
        http(*on.context, transport, {}, ReceiveBuffer(on.context->buffers, on.resources->request_memory)),
        tasks(on.core) {
    tasks.spawn(run(*this));
    on.core.run();
  }
  ~ServedConnection() {
    transport.close();
    fixture.handler.release();
    fixture.core.run();
  }
  ServedConnection(const ServedConnection&) = delete;
  ServedConnection& operator=(const ServedConnection&) = delete;

  static env::Task<void> run(ServedConnection& self) {
    WEIR_ASSERT(co_await self.http.run() == HttpConnection::Ending::done);
    self.transport.close();
    self.ended = true;
  }

  // Sends `bytes`, lets the server work, and returns what came back.
  std::string exchange(std::string_view bytes) {
    to_server.put(bytes);
    fixture.core.run();
    return to_client.take_all();
  }

  HttpFixture& fixture;
  testing::MemoryPipe to_server;
  testing::MemoryPipe to_client;
  testing::MemoryConnection transport;
  Connection http;
  env::TaskGroup tasks;
  bool ended = false;
};

}  // namespace weir::net
