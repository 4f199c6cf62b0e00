// Http1ResponseParser: the grammar of HTTP/1.1 responses, over Boost.Beast's parser. No I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "net/client.h"

namespace weir::net {

// Parses one response, the 100 Continue before it skipped. Who reads a long body as it comes takes response.body away
// between the calls; body_bytes_max holds for what is in there at a time.
class Http1ResponseParser {
 public:
  // `has_no_body`: the request was HEAD.
  Http1ResponseParser(bool has_no_body, std::uint64_t body_bytes_max, HttpClientResponse& response);
  Http1ResponseParser(const Http1ResponseParser&) = delete;
  Http1ResponseParser& operator=(const Http1ResponseParser&) = delete;
  ~Http1ResponseParser();

  // Takes what has come; the next call continues behind what this one consumed. Returns the number of bytes consumed.
  // Errors: corrupt, limit_exceeded.
  [[nodiscard]] Result<std::size_t> parse(std::string_view bytes);
  // The server has sent all it ever will. Errors: closed when the response is not whole.
  [[nodiscard]] Result<void> end();
  [[nodiscard]] bool has_head() const noexcept;  // status and headers are there
  [[nodiscard]] bool is_done() const noexcept;
  [[nodiscard]] bool keep_alive() const noexcept;  // once done

 private:
  class Beast;
  void start();

  bool has_no_body_;
  std::uint64_t body_bytes_max_;
  HttpClientResponse& response_;
  std::unique_ptr<Beast> beast_;
};

}  // namespace weir::net
