// HTTP as Weir's upper floors see it: requests and responses, whatever version carried them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "env/network.h"
#include "env/task.h"
#include "net/peer.h"

namespace weir::net {

// Bytes past the end of a request body that may be read (never interpreted): parsers with wide loads need them.
inline constexpr std::size_t body_padding_bytes = 64;

struct HeaderField {
  std::string_view name;   // lower case
  std::string_view value;  // without surrounding blanks
};

// One whole request. Header views point into memory that the request owns. Moves, never copies.
struct HttpRequest {
  std::string_view method;
  std::string_view path;             // before '?', as sent
  std::string_view query;            // after '?', as sent, without it
  std::vector<HeaderField> headers;  // in the order sent; for HTTP/2 ":authority" appears as "host" too
  MutableBytes body;  // body_padding_bytes readable bytes follow; the handler may overwrite it (decode in place)
  std::uint8_t http_major = 1;
  bool over_tls = false;
  bool peer_is_loopback = false;
  // The handler's to keep something with the connection, for as long as it is open and stays on its core: null at the
  // first request on each. No pointer where there is no such place.
  std::shared_ptr<void>* connection_label = nullptr;
  const PeerIdentity* peer = nullptr;  // where the client showed a certificate; lives as long as the request

  [[nodiscard]] std::optional<std::string_view> header(std::string_view lower_case_name) const noexcept;
};

// Bytes that are sent as they lie; `owner` keeps them alive.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  BytesView bytes;
};

struct HttpResponse {
  std::uint16_t status = 200;
  // Names are literals, as they should appear (HTTP/2 sends them in lower case).
  std::vector<std::pair<std::string_view, std::string>> headers;
  std::string body;
  std::vector<SharedBytes> body_rest;  // behind `body`: what is too large to be copied together
  bool ends_connection = false;  // it takes no request after this one; those of HTTP/2 that are under way are answered

  // The connection gives way: it goes on, or stays, on the server's background core, where there is one, and waits for
  // its turn there with its next request (env::Connection::give_way).
  bool gives_way = false;
  // For a rate, less than half of what was asked was done: who asks again at once asks in vain again. While the
  // connection gives way it rests before its next request, and longer the more of them in a row were in vain (Rests).
  bool in_vain = false;

  [[nodiscard]] std::size_t body_bytes() const noexcept;
};

// Serves requests. One instance serves all connections of one core; called on that core.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // `request` lives until the returned task ends.
  [[nodiscard]] virtual env::Task<HttpResponse> handle(HttpRequest& request) = 0;
  // A request that the transport itself refuses (400 malformed, 408 too slow, 413 body too large, 417 unknown
  // expectation, 431 headers too large, 503 no memory for it): the handler gives the refusal its service's form.
  [[nodiscard]] virtual HttpResponse refuse(std::uint16_t status) = 0;
};

}  // namespace weir::net
