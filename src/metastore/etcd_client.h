// EtcdClient: calls to one etcd cluster through its JSON gateway. Knows the endpoints and stays with the one that
// answers; a few connections to it, made when needed.
//
// Threading: one core.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "env/event.h"
#include "metastore/etcd_metastore.h"
#include "net/client.h"

namespace weir::metastore {

inline constexpr std::size_t etcd_connections_max = 8;
inline constexpr std::size_t etcd_calls_waiting_max = 1024;
// Of one answer and of one line of a watch. What is larger is asked for in smaller parts.
inline constexpr std::uint64_t etcd_answer_bytes_max = 16 * mebibyte;

class EtcdClient {
 public:
  // `options` outlives the client.
  EtcdClient(env::Core& core, const EtcdOptions& options);
  EtcdClient(const EtcdClient&) = delete;
  EtcdClient& operator=(const EtcdClient&) = delete;

  enum class Repeat : std::uint8_t { allowed, forbidden };

  // Posts `body` and returns the body of etcd's answer, within the options' request_timeout. Tries the endpoints in
  // turn, each with its share of the time; with Repeat::forbidden it goes on to the next only while nothing was sent.
  // Errors, with endpoint and reason: unavailable (nobody answered, or etcd cannot serve now; sent or not),
  // limit_exceeded (larger than etcd takes, or than etcd_answer_bytes_max), unsupported (the revision asked for is
  // compacted away), io (etcd refuses the request), closed.
  [[nodiscard]] env::Task<Result<std::string>> post(std::string path, std::string body, Repeat repeat);

  // The endpoint in use: an index into the options' endpoints.
  [[nodiscard]] std::size_t endpoint() const noexcept { return endpoint_; }
  [[nodiscard]] net::HttpClientOptions http_options(std::size_t endpoint) const;
  // `endpoint` does not serve: others are tried first from now on, and what is connected to it is let go.
  void leave(std::size_t endpoint);
  // Calls in flight end with `closed`; returns when none is left.
  [[nodiscard]] env::Task<void> close();

 private:
  // A connection, busy with one call at a time.
  struct Line {
    Line(env::Core& core, std::size_t to, net::HttpClientOptions options)
        : endpoint(to), http(core, std::move(options)) {}
    std::size_t endpoint;
    bool busy = false;
    net::HttpClient http;
  };
  enum class Reached : std::uint8_t {
    nothing,   // no connection was free
    endpoint,  // not, or not connected: nothing was sent
    sent,
  };
  struct Attempt {
    Reached reached;
    Result<std::string> answer;
  };
  struct Call {
    std::string path;
    std::string body;
    Repeat repeat;
  };

  [[nodiscard]] env::Task<Result<std::string>> try_in_turn(const Call& call);
  [[nodiscard]] env::Task<Attempt> try_once(const Call& call, std::size_t endpoint, MonotonicTime share,
                                            MonotonicTime deadline);
  [[nodiscard]] env::Task<Attempt> send(const Call& call, Line& line, MonotonicTime share, MonotonicTime deadline);
  [[nodiscard]] env::Task<Result<Line*>> acquire(std::size_t endpoint, MonotonicTime deadline);
  [[nodiscard]] Line* find_idle(std::size_t endpoint);
  [[nodiscard]] std::unexpected<Error> failed(std::size_t endpoint, ErrorCode code, std::string_view what) const;
  [[nodiscard]] Result<std::string> read_answer(std::size_t endpoint, net::HttpClientResponse response) const;

  env::Core& core_;
  const EtcdOptions& options_;
  std::size_t endpoint_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::size_t waiting_ = 0;  // for a line
  std::size_t calls_ = 0;
  env::Event line_free_;
  env::Event calls_over_;
  bool closed_ = false;
};

// What etcd's refusal means: unavailable when it may be otherwise later or the outcome is open; limit_exceeded,
// unsupported and io when nothing has happened.
[[nodiscard]] ErrorCode code_of_etcd_refusal(std::int64_t grpc_code, std::string_view message) noexcept;

}  // namespace weir::metastore
