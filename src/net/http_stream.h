// HttpStream: one HTTP/1.1 request whose response has no end, or a late one: its body is read as it comes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/client.h"

namespace weir::net {

class Http1ResponseParser;

// Belongs to one core; has a connection to itself. open() once, then read() until the end; one call at a time.
class HttpStream {
 public:
  // options.response_bytes_max does not count here.
  HttpStream(env::Core& core, HttpClientOptions options);
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;
  ~HttpStream();

  // Connects, sends the request and waits for the head of the response. Errors: unavailable, timeout, closed, io;
  // corrupt for what is not HTTP.
  [[nodiscard]] env::Task<Result<void>> open(HttpClientRequest request, MonotonicTime deadline);
  [[nodiscard]] std::uint16_t status() const noexcept { return response_.status; }  // once open
  // The next bytes of the body, 64 KiB at most; empty at its end. After a timeout the stream is as good as before.
  // Errors: timeout; closed, also when the connection ends before the body does; io; corrupt.
  [[nodiscard]] env::Task<Result<std::string>> read(MonotonicTime deadline);
  // Ends a call in flight with `closed`; a connection that is still being made ends with its deadline.
  void close() noexcept;

 private:
  [[nodiscard]] env::Task<Result<void>> receive(MonotonicTime deadline);

  env::Core& core_;
  HttpClientOptions options_;
  std::unique_ptr<env::Connection> connection_;
  HttpClientResponse response_;
  std::unique_ptr<Http1ResponseParser> parser_;
  std::string received_;  // read and not yet parsed
  bool closed_ = false;
};

}  // namespace weir::net
