#include "frontend/operations/page_token.h"

#include "model/limits.h"

namespace weir::frontend {

PageTokenWriter& PageTokenWriter::number(std::uint64_t value) {
  const std::size_t at = body_.size();
  body_.resize(at + sizeof value);
  store_le(body_.data() + at, value);
  return *this;
}

PageTokenWriter& PageTokenWriter::text(std::string_view value) {
  number(value.size());
  const BytesView bytes = as_bytes(value);
  body_.insert(body_.end(), bytes.begin(), bytes.end());
  return *this;
}

std::string PageTokenWriter::seal(model::TokenSealer& sealer, model::TokenKind kind) const {
  return sealer.seal(kind, body_);
}

ApiResult<PageTokenReader> PageTokenReader::open(model::TokenSealer& sealer, model::TokenKind kind,
                                                 std::string_view token, WallTime now) {
  auto body = sealer.unseal(kind, token);
  if (!body) return std::unexpected(kinesis::errors::token_invalid());
  PageTokenReader reader(std::move(*body));
  const WallTime issued = wall_time_ms(static_cast<std::int64_t>(reader.number()));
  if (now - issued > milliseconds(model::limits::token_age_ms_max)) {
    return std::unexpected(kinesis::errors::token_expired(issued, now));
  }
  return reader;
}

std::uint64_t PageTokenReader::number() {
  if (body_.size() - position_ < sizeof(std::uint64_t)) return 0;
  const auto value = load_le<std::uint64_t>(body_.data() + position_);
  position_ += sizeof value;
  return value;
}

std::string PageTokenReader::text() {
  const std::uint64_t length = number();
  if (body_.size() - position_ < length) return {};
  std::string value(as_text(BytesView(body_).subspan(position_, length)));
  position_ += length;
  return value;
}

}  // namespace weir::frontend
