#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "net/tls/openssl.h"
#include "net/tls/tls.h"

namespace weir::net {

namespace {

constexpr std::size_t record_bytes_max = 16 * kibibyte;  // plain bytes of one TLS record
constexpr std::size_t outbound_bytes_wanted = 64 * kibibyte;
constexpr std::size_t buffer_bytes_kept = 4 * kibibyte;  // of an idle connection, each way
constexpr std::size_t inbound_bytes_busy = 32 * kibibyte;
// What a client that was refused may still say.
constexpr std::size_t refused_bytes_max = 1 * mebibyte;
constexpr milliseconds refusal_time_max{1'000};

}  // namespace

// OpenSSL's way to the buffers of a TlsConnection.
struct TlsBio {
  static TlsConnection& self(BIO* bio) noexcept { return *static_cast<TlsConnection*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* out, std::size_t bytes_max, std::size_t* bytes) {
    TlsConnection& connection = self(bio);
    BIO_clear_retry_flags(bio);
    *bytes = std::min(bytes_max, connection.inbound_end_ - connection.inbound_begin_);
    if (*bytes == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(out, connection.inbound_.data() + connection.inbound_begin_, *bytes);
    connection.inbound_begin_ += *bytes;
    return 1;
  }
  static int write(BIO* bio, const char* data, std::size_t bytes, std::size_t* written) {
    self(bio).outbound_.append(data, bytes);
    *written = bytes;
    return 1;
  }
  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
  static BIO_METHOD* make_method() {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir connection");
    WEIR_ASSERT(method != nullptr);
    BIO_meth_set_read_ex(method, &TlsBio::read);
    BIO_meth_set_write_ex(method, &TlsBio::write);
    BIO_meth_set_ctrl(method, &TlsBio::control);
    return method;
  }
  static BIO* make(TlsConnection& connection) {
    static BIO_METHOD* const method = make_method();  // never freed
    BIO* const bio = BIO_new(method);
    WEIR_ASSERT(bio != nullptr);
    BIO_set_data(bio, &connection);
    BIO_set_init(bio, 1);
    return bio;
  }
};

TlsConnection::TlsConnection(env::Core& core, std::unique_ptr<env::Connection> transport,
                             std::shared_ptr<const TlsContext> context, const std::string& server_name)
    : core_(&core),
      transport_(std::move(transport)),
      context_(std::move(context)),
      ssl_(SSL_new(context_->newest().context_)),
      inbound_(buffer_bytes_kept),
      flushed_(core) {
  WEIR_ASSERT(ssl_ != nullptr);
  BIO* const bio = TlsBio::make(*this);
  SSL_set_bio(ssl_, bio, bio);
  X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl_);
  X509_VERIFY_PARAM_set_time(rules, unix_seconds(core.wall_now()));
  if (context_->is_server_) {
    SSL_set_accept_state(ssl_);
    return;
  }
  SSL_set_connect_state(ssl_);
  const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(rules, server_name.c_str()) == 1;
  if (!is_address && !server_name.empty()) {
    SSL_set_tlsext_host_name(ssl_, server_name.c_str());
    if (context_->newest().verifies_) SSL_set1_host(ssl_, server_name.c_str());
  }
  ERR_clear_error();
}

TlsConnection::~TlsConnection() { SSL_free(ssl_); }

void TlsConnection::arrive(env::Core& core, std::unique_ptr<env::Connection> transport) noexcept {
  core_ = &core;
  transport_ = std::move(transport);
  flushed_.emplace(core);
}

env::Task<Result<void>> TlsConnection::handshake(MonotonicTime deadline) {
  for (;;) {
    ERR_clear_error();
    const int outcome = SSL_do_handshake(ssl_);
    const int error = outcome == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, outcome);
    const std::string reason = error == SSL_ERROR_SSL ? take_openssl_error() : std::string();
    // Even a failed handshake has something to tell: the alert.
    const Result<void> sent = co_await flush(deadline);
    if (error == SSL_ERROR_NONE) co_return sent;
    if (error != SSL_ERROR_WANT_READ) {
      const long verified = SSL_get_verify_result(ssl_);
      if (context_->is_server_ && context_->verifies_) co_await linger();
      const bool untrusted = context_->verifies_ && verified != X509_V_OK;
      co_return fail(ErrorCode::io, "TLS handshake with " + to_string(peer()) + ": " +
                                        (untrusted ? X509_verify_cert_error_string(verified) : reason));
    }
    if (!sent.has_value()) co_return std::unexpected(sent.error());
    const Result<bool> got = co_await fetch(deadline);
    if (!got.has_value()) co_return std::unexpected(got.error());
    if (!*got) co_return fail(ErrorCode::closed, to_string(peer()) + " left during the TLS handshake");
  }
}

env::Task<void> TlsConnection::linger() {
  // With TLS 1.3 a client that is refused has sent its first request already. Closing with that unread would reset the
  // connection and lose the alert that says why.
  const MonotonicTime deadline = core_->now() + Duration(refusal_time_max);
  for (std::size_t dropped = 0; dropped < refused_bytes_max;) {
    inbound_begin_ = inbound_end_;
    const Result<bool> got = co_await fetch(deadline);
    if (!got.has_value() || !*got) break;
    dropped += inbound_end_;
  }
}

std::string_view TlsConnection::protocol() const noexcept {
  const unsigned char* name = nullptr;
  unsigned int bytes = 0;
  SSL_get0_alpn_selected(ssl_, &name, &bytes);
  return {reinterpret_cast<const char*>(name), bytes};
}

std::optional<PeerIdentity> TlsConnection::peer_identity() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return std::nullopt;
  return identity_of(certificate);
}

env::Task<void> TlsConnection::shutdown(MonotonicTime deadline) {
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(ssl_));  // before a handshake, or after an error, there is nobody to tell
  ERR_clear_error();
  static_cast<void>(co_await flush(deadline));
}

void TlsConnection::interrupt_read() noexcept {
  interrupted_ = true;  // it may just be sending, and not read yet
  transport_->interrupt_read();
}

env::Task<Result<std::size_t>> TlsConnection::read_some(MutableBytes out, MonotonicTime deadline) {
  interrupted_ = false;
  for (;;) {
    int error = SSL_ERROR_NONE;
    const std::size_t bytes = decrypt(out, error);
    // Rare: an answer to a key update, or an alert.
    if (!outbound_.empty() && !flushing_) {
      const Result<void> sent = co_await flush(deadline);
      if (!sent.has_value() && bytes == 0) co_return std::unexpected(sent.error());
    }
    if (bytes != 0) co_return bytes;
    if (error == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
    if (error != SSL_ERROR_WANT_READ) {
      co_return fail(ErrorCode::io, "TLS from " + to_string(peer()) + ": " + take_openssl_error());
    }
    if (interrupted_) co_return fail(ErrorCode::timeout, "told to come back");
    const Result<bool> got = co_await fetch(deadline);
    if (!got.has_value()) co_return std::unexpected(got.error());
    // Without the peer's goodbye the end may be somebody else's doing; HTTP's own lengths tell what is whole.
    if (!*got) co_return std::size_t{0};
  }
}

std::size_t TlsConnection::decrypt(MutableBytes out, int& error) noexcept {
  ERR_clear_error();
  std::size_t total = 0;
  while (total < out.size()) {
    std::size_t bytes = 0;
    const int outcome = SSL_read_ex(ssl_, out.data() + total, out.size() - total, &bytes);
    if (outcome != 1) {
      error = SSL_get_error(ssl_, outcome);
      break;
    }
    total += bytes;
  }
  return total;
}

env::Task<Result<bool>> TlsConnection::fetch(MonotonicTime deadline) {
  WEIR_ASSERT(inbound_begin_ == inbound_end_);
  const Result<std::size_t> got = co_await transport_->read_some(inbound_, deadline);
  if (!got.has_value()) co_return std::unexpected(got.error());
  inbound_begin_ = 0;
  inbound_end_ = *got;
  // Large while much comes, small while idle; what has come stays in place.
  if (*got == inbound_.size() && inbound_.size() < inbound_bytes_busy) {
    inbound_.resize(inbound_bytes_busy);
  } else if (*got < buffer_bytes_kept && inbound_.size() > buffer_bytes_kept) {
    inbound_.resize(buffer_bytes_kept);
    inbound_.shrink_to_fit();
  }
  co_return *got != 0;
}

Result<void> TlsConnection::encrypt(BytesView plain) {
  if (plain.empty()) return {};
  ERR_clear_error();
  std::size_t written = 0;
  const int outcome = SSL_write_ex(ssl_, plain.data(), plain.size(), &written);
  if (outcome == 1) return {};
  return fail(ErrorCode::closed, "TLS to " + to_string(peer()) + ": " + take_openssl_error());
}

env::Task<Result<void>> TlsConnection::write_all(std::span<const BytesView> parts, MonotonicTime deadline) {
  std::size_t total = 0;
  for (const BytesView part : parts) total += part.size();
  BytesView whole;
  if (parts.size() > 1 && total <= record_bytes_max) {
    gathered_.clear();
    for (const BytesView part : parts) gathered_.append(as_text(part));
    whole = as_bytes(gathered_);
    parts = {&whole, 1};
  }
  for (BytesView part : parts) {
    while (!part.empty()) {
      const BytesView piece = part.first(std::min(part.size(), outbound_bytes_wanted));
      part = part.subspan(piece.size());
      WEIR_CO_CHECK(encrypt(piece));
      if (outbound_.size() >= outbound_bytes_wanted) WEIR_CO_CHECK(co_await flush(deadline));
    }
  }
  if (gathered_.capacity() > buffer_bytes_kept) gathered_ = {};
  co_return co_await flush(deadline);
}

env::Task<Result<void>> TlsConnection::flush(MonotonicTime deadline) {
  while (flushing_ || !outbound_.empty()) {
    if (flushing_) {
      co_await flushed_->wait();
      continue;
    }
    flushing_ = true;
    std::string sending = std::exchange(outbound_, {});
    const BytesView bytes = as_bytes(sending);
    const Result<void> sent = co_await transport_->write_all({&bytes, 1}, deadline);
    flushing_ = false;
    flushed_->notify_all();
    if (!sent.has_value()) co_return sent;
    if (outbound_.empty() && sending.capacity() <= buffer_bytes_kept) {
      sending.clear();
      outbound_ = std::move(sending);  // its memory serves the next time
    }
  }
  co_return Result<void>();
}

void TlsConnection::close() noexcept { transport_->close(); }

const env::Endpoint& TlsConnection::peer() const noexcept { return transport_->peer(); }

}  // namespace weir::net
