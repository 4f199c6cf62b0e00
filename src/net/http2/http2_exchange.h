// Http2Exchange: one request of an HTTP/2 client and what became of it.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "env/event.h"
#include "net/client.h"

namespace weir::net {

// Lives in the coroutine that waits for it, which takes it back from its connection before it goes.
struct Http2Exchange {
  Http2Exchange(env::Core& core, HttpClientRequest with_request) : request(std::move(with_request)), finished(core) {}

  void finish(Result<HttpClientResponse> with_outcome) {
    outcome.emplace(std::move(with_outcome));
    finished.notify_all();
  }

  void turn_away() {
    turned_away = true;
    finished.notify_all();
  }

  HttpClientRequest request;
  std::size_t body_sent = 0;
  std::int32_t stream_id = 0;  // 0: no stream yet
  bool head_sent = false;      // from here on the server may act on it
  HttpClientResponse response;
  std::uint64_t header_bytes = 0;
  bool head_received = false;
  std::optional<Result<HttpClientResponse>> outcome;
  bool turned_away = false;  // without a stream, and the connection takes no more; another one may
  env::Event finished;       // or turned away
};

}  // namespace weir::net
