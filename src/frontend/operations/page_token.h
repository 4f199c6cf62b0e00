// Page tokens: what a NextToken of ListShards or ListStreams holds, sealed, with its time of issue. They live 300 s
// (API reference, section 4.7).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "frontend/operations/common.h"
#include "model/token.h"

namespace weir::frontend {

// The fields of a token, written and read in the same order.
class PageTokenWriter {
 public:
  explicit PageTokenWriter(WallTime issued) { number(static_cast<std::uint64_t>(unix_milliseconds(issued))); }
  PageTokenWriter& number(std::uint64_t value);
  PageTokenWriter& text(std::string_view value);
  [[nodiscard]] std::string seal(model::TokenSealer& sealer, model::TokenKind kind) const;

 private:
  std::vector<std::byte> body_;
};

class PageTokenReader {
 public:
  // Errors: InvalidArgument when the text is no token of this kind, ExpiredNextToken.
  [[nodiscard]] static ApiResult<PageTokenReader> open(model::TokenSealer& sealer, model::TokenKind kind,
                                                       std::string_view token, WallTime now);
  // Zero and empty at the end of the body: the seal says that we wrote it, so that is a bug, not an attack.
  [[nodiscard]] std::uint64_t number();
  [[nodiscard]] std::string text();

 private:
  explicit PageTokenReader(std::vector<std::byte> body) noexcept : body_(std::move(body)) {}
  std::vector<std::byte> body_;
  std::size_t position_ = 0;
};

}  // namespace weir::frontend
