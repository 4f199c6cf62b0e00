// TLS over any connection, by OpenSSL without sockets: it runs in a simulation like everything else.
//
// OpenSSL draws keys and nonces from its own generator, the one source of randomness outside env: a session's bytes
// differ from run to run, what they carry does not.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/core.h"
#include "env/event.h"
#include "env/network.h"
#include "net/peer.h"

struct ssl_ctx_st;
struct ssl_st;

namespace weir::net {

struct TlsClientOptions {
  // Certificates to trust. Empty: any certificate is accepted, whatever name it bears.
  std::string trusted_pem;
  std::vector<std::string> protocols{"http/1.1"};  // offered by ALPN, the preferred one first
  // A chain and its key, for servers that want to know who the client is. Both or neither.
  std::string certificate_pem;
  std::string private_key_pem;
};

// Certificates, keys and rules of one side. Immutable; any thread. TLS 1.2 and 1.3.
class TlsContext {
 public:
  // A server that takes h2 and http/1.1 by ALPN. With `trusted_clients_pem` a client needs a certificate for client
  // authentication, signed by one of these authorities; without it the handshake fails. Errors: invalid_argument for
  // PEM text that does not hold a certificate (chain) and the key that belongs to it, or no certificate to trust.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> server(std::string_view certificate_chain_pem,
                                                                        std::string_view private_key_pem,
                                                                        std::string_view trusted_clients_pem = "");
  // Errors: invalid_argument.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> client(const TlsClientOptions& options);

  // Connections that are made with this context from now on are made with `next`, which is of the same side:
  // certificates were renewed. Those that are there go on as they are. One thread at a time; connections may be made
  // meanwhile on any. Errors: limit_exceeded after successors_max times.
  static constexpr std::size_t successors_max = 1'000;
  [[nodiscard]] Result<void> succeed_by(std::shared_ptr<const TlsContext> next) const;

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

 private:
  friend class TlsConnection;
  TlsContext(ssl_ctx_st* context, bool is_server, bool verifies) noexcept
      : context_(context), is_server_(is_server), verifies_(verifies) {}
  [[nodiscard]] const TlsContext& newest() const noexcept {
    const TlsContext* const next = newest_.load(std::memory_order_acquire);
    return next == nullptr ? *this : *next;
  }
  ssl_ctx_st* context_;
  bool is_server_;
  bool verifies_;
  // All are kept: a connection may just be looking at one. They come once in months.
  mutable std::vector<std::shared_ptr<const TlsContext>> successors_;
  mutable std::atomic<const TlsContext*> newest_{nullptr};
};

// A connection whose bytes are encrypted on their way. Belongs to one core. handshake() comes first; then as any other.
class TlsConnection final : public env::Connection {
 public:
  // `server_name` (clients only) is sent as SNI and, where the context verifies, must be what the certificate bears: a
  // DNS name or a numeric address.
  TlsConnection(env::Core& core, std::unique_ptr<env::Connection> transport, std::shared_ptr<const TlsContext> context,
                const std::string& server_name = "");
  ~TlsConnection() override;

  // Errors: io when the peers do not agree (the message says why), closed, timeout. With TLS 1.3 a client that the
  // server refuses learns it from its first read.
  [[nodiscard]] env::Task<Result<void>> handshake(MonotonicTime deadline);
  // What ALPN agreed on: "h2", "http/1.1", or empty.
  [[nodiscard]] std::string_view protocol() const noexcept;
  // After the handshake: whose certificate the peer showed; empty when it showed none.
  [[nodiscard]] std::optional<PeerIdentity> peer_identity() const;
  // Tells the peer that nothing more comes. Then close().
  [[nodiscard]] env::Task<void> shutdown(MonotonicTime deadline);

  // It goes on on another core: the first on the core where it is, the second where it goes on, with what the first
  // gave. No call is in flight.
  [[nodiscard]] std::unique_ptr<env::Connection> leave() noexcept { return std::move(transport_); }
  void arrive(env::Core& core, std::unique_ptr<env::Connection> transport) noexcept;

  [[nodiscard]] env::Task<Result<std::size_t>> read_some(MutableBytes out, MonotonicTime deadline) override;
  [[nodiscard]] env::Task<Result<void>> write_all(std::span<const BytesView> parts, MonotonicTime deadline) override;
  void give_way(bool on) noexcept override { transport_->give_way(on); }
  void rest(Duration time) noexcept override { transport_->rest(time); }
  void interrupt_read() noexcept override;
  void close() noexcept override;
  [[nodiscard]] const env::Endpoint& peer() const noexcept override;

 private:
  friend struct TlsBio;

  [[nodiscard]] env::Task<void> linger();
  // Fetches ciphertext: false at the peer's end.
  [[nodiscard]] env::Task<Result<bool>> fetch(MonotonicTime deadline);
  // Sends what OpenSSL has put out; also waits for what another task is sending.
  [[nodiscard]] env::Task<Result<void>> flush(MonotonicTime deadline);
  [[nodiscard]] Result<void> encrypt(BytesView plain);
  [[nodiscard]] std::size_t decrypt(MutableBytes out, int& error) noexcept;

  env::Core* core_;
  std::unique_ptr<env::Connection> transport_;
  std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_ = nullptr;
  std::vector<std::byte> inbound_;  // ciphertext, [inbound_begin_, inbound_end_) still to decrypt
  std::size_t inbound_begin_ = 0;
  std::size_t inbound_end_ = 0;
  std::string outbound_;               // ciphertext to send
  std::string gathered_;               // small parts, to make one record of them
  std::optional<env::Event> flushed_;  // the core's
  bool flushing_ = false;
  bool interrupted_ = false;  // the read in flight is to come back
};

}  // namespace weir::net
