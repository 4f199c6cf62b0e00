// A server in the simulated network that answers an EtcdMetastore as a test has it, right or wrong.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/base64.h"
#include "env/network.h"
#include "env/task_group.h"
#include "tests/support/must.h"

namespace weir::metastore::test {

using env::Connection;
using env::Core;
using env::Task;

inline std::string base64(std::string_view bytes) {
  std::string text(base64_encoded_size(bytes.size()), '\0');
  base64_encode(as_bytes(bytes), text.data());
  return text;
}

inline std::string header_json(std::uint64_t revision, std::uint64_t cluster = 7) {
  return R"("header":{"cluster_id":")" + std::to_string(cluster) + R"(","member_id":"9","revision":")" +
         std::to_string(revision) + R"(","raft_term":"2"})";
}

inline std::string entry_json(std::string_view key, std::string_view value, std::uint64_t revision) {
  return R"({"key":")" + base64(key) + R"(","create_revision":"2","mod_revision":")" + std::to_string(revision) +
         R"(","version":"1","value":")" + base64(value) + R"("})";
}

inline std::string created_json(std::uint64_t revision) {
  return R"({"result":{)" + header_json(revision) + R"(,"created":true}})";
}

// One message of a watch. `events` are entries; in the etcd of these tests nothing is removed.
inline std::string events_json(std::uint64_t revision, const std::vector<std::string>& events, bool fragment = false) {
  std::string json =
      R"({"result":{)" + header_json(revision) + (fragment ? R"(,"fragment":true)" : "") + R"(,"events":[)";
  for (const std::string& entry : events) json += (json.ends_with('[') ? "" : ",") + (R"({"kv":)" + entry + "}");
  return json + "]}}";
}

inline std::string http_response(std::string_view status, const std::string& body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline const std::string stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

// `line` as one chunk.
inline std::string chunk(const std::string& line) {
  std::array<char, 20> size{};
  std::snprintf(size.data(), size.size(), "%zx\r\n", line.size() + 1);
  return size.data() + line + "\n\r\n";
}

// Sends what it can.
inline Task<void> send_raw(Connection& connection, std::string bytes) {
  const std::array<BytesView, 1> parts{as_bytes(bytes)};
  static_cast<void>(co_await connection.write_all(parts, no_deadline));
}

// Each answers one request on `connection`, and may close it.
struct EtcdScript {
  using Answer = std::function<Task<void>(Connection& connection, std::string body)>;
  Answer range;
  Answer transaction;
  Answer watch;
};

class ScriptedEtcd {
 public:
  // `script` outlives the server.
  ScriptedEtcd(Core& core, const EtcdScript& script) : core_(core), script_(script), tasks_(core) {}

  Task<void> start() {
    listener_ = weir::test::must(co_await core_.network().listen({"127.0.0.1", 0}, 16));
    tasks_.spawn(accept_all());
  }
  [[nodiscard]] const env::Endpoint& endpoint() const { return listener_->local(); }
  Task<void> stop() {
    listener_->close();
    for (const auto& [id, connection] : connections_) connection->close();
    co_await tasks_.wait();
  }

 private:
  Task<void> accept_all() {
    for (;;) {
      auto pending = co_await listener_->accept();
      if (!pending) co_return;
      tasks_.spawn(serve(core_.network().adopt(std::move(*pending))));
    }
  }

  Task<void> serve(std::unique_ptr<Connection> owned) {
    const int id = ++last_id_;
    Connection& connection = *owned;
    connections_[id] = std::move(owned);
    std::string received;
    std::array<std::byte, 4096> piece;
    for (;;) {
      const auto head_end = received.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        const std::size_t length = std::stoul(received.substr(received.find("Content-Length: ") + 16));
        const std::size_t end = head_end + 4 + length;
        if (received.size() >= end) {
          const std::string request = received.substr(0, end);
          received.erase(0, end);
          co_await answer(connection, request, request.substr(head_end + 4));
          continue;
        }
      }
      const auto got = co_await connection.read_some(piece, no_deadline);
      if (!got || *got == 0) break;
      received.append(as_text(BytesView(piece).first(*got)));
    }
    connections_.erase(id);
  }

  Task<void> answer(Connection& connection, std::string request, std::string body) {
    if (request.starts_with("POST /v3/kv/range ")) {
      co_await script_.range(connection, std::move(body));
    } else if (request.starts_with("POST /v3/kv/txn ")) {
      co_await script_.transaction(connection, std::move(body));
    } else if (request.starts_with("POST /v3/watch ")) {
      co_await script_.watch(connection, std::move(body));
    } else {
      co_await send_raw(connection, http_response("404 Not Found", "Not Found"));
    }
  }

  Core& core_;
  const EtcdScript& script_;
  env::TaskGroup tasks_;
  std::unique_ptr<env::Listener> listener_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  int last_id_ = 0;
};

}  // namespace weir::metastore::test
