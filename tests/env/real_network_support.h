// What the tests of real connections share.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "env/network.h"
#include "env/runtime.h"

namespace weir::env {

inline MutableBytes writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

inline Task<Result<void>> write_text(Connection& connection, std::string text, MonotonicTime deadline) {
  const BytesView part = as_bytes(text);
  co_return co_await connection.write_all(std::span(&part, 1), deadline);
}

inline Task<std::string> read_text(Connection& connection, std::size_t length, MonotonicTime deadline) {
  std::string text(length, '\0');
  std::size_t got = 0;
  while (got < length) {
    const auto more = co_await connection.read_some(writable(text).subspan(got), deadline);
    EXPECT_TRUE(more) << more.error().message;
    if (!more || *more == 0) break;
    got += *more;
  }
  text.resize(got);
  co_return text;
}

inline Task<std::unique_ptr<Listener>> listen(Core& core) {
  auto listener = co_await core.network().listen({"127.0.0.1", 0}, 512);
  EXPECT_TRUE(listener) << listener.error().message;
  co_return std::move(*listener);
}

struct Pair {
  std::unique_ptr<Connection> client;
  std::unique_ptr<Connection> server;
};

inline Task<Pair> connect_pair(Core& core, Core& server_core) {
  const auto listener = co_await listen(core);
  auto client = co_await core.network().connect(listener->local(), core.now() + seconds(30));
  EXPECT_TRUE(client) << client.error().message;
  auto pending = co_await listener->accept();
  EXPECT_TRUE(pending) << pending.error().message;
  co_await server_core.enter();
  auto server = server_core.network().adopt(std::move(*pending));
  co_await core.enter();
  co_return Pair{std::move(*client), std::move(server)};
}

inline int run(std::uint32_t cores, const std::function<Task<int>(Runtime&)>& body) {
  const auto runtime = make_real_runtime({.cores = cores, .blocking_threads = 1});
  return runtime->run([&] { return body(*runtime); });
}

inline Task<void> echo(Core& core, Connection& connection) {
  std::string buffer(64 * 1024, '\0');
  for (;;) {
    const auto got = co_await connection.read_some(writable(buffer), core.now() + seconds(30));
    if (!got || *got == 0) break;
    const BytesView part = as_bytes(std::string_view(buffer).substr(0, *got));
    if (!co_await connection.write_all(std::span(&part, 1), core.now() + seconds(30))) break;
  }
  connection.close();
}

}  // namespace weir::env
