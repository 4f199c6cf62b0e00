// Http1RequestParser: the grammar of HTTP/1.1 requests, over Boost.Beast's parser. No I/O.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "net/http.h"

namespace weir::net {

// How a request's body is delimited and what its connection should do.
struct Http1Framing {
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool keep_alive = false;
  bool is_1_1 = false;
  bool expects_continue = false;
};

struct Http1Head {
  std::uint16_t refusal = 0;  // the status to refuse the request with; 0 when it is well-formed
  Http1Framing framing;
};

// One step of decoding a chunked body.
struct ChunkProgress {
  std::size_t consumed = 0;  // bytes of the input that need not be shown again
  std::size_t produced = 0;  // bytes of body written
  bool done = false;
  bool malformed = false;
};

class Http1RequestParser {
 public:
  Http1RequestParser();
  Http1RequestParser(const Http1RequestParser&) = delete;
  Http1RequestParser& operator=(const Http1RequestParser&) = delete;
  ~Http1RequestParser();

  // Parses `head`, which ends with its empty line. Fills request.method, path, query and headers with views into
  // `head`, and turns field names in it to lower case. At most `header_count_max` fields. Refusals: 400, 417, 431.
  [[nodiscard]] Http1Head parse_head(MutableBytes head, std::size_t header_count_max, HttpRequest& request);

  // After parse_head() found a chunked body: decodes from `input`, whose front is what the last call did not consume,
  // to `output`, which may lie before `input` in the same block and must have room for input.size() bytes.
  [[nodiscard]] ChunkProgress decode_chunks(BytesView input, std::byte* output);

 private:
  class Beast;
  std::unique_ptr<Beast> beast_;
};

// The number of bytes up to and with the first empty line of `received`, 0 when there is none yet. The first
// `searched` bytes are known to hold none.
[[nodiscard]] std::size_t find_head_end(BytesView received, std::size_t searched) noexcept;

}  // namespace weir::net
