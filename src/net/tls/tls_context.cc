#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <limits>
#include <memory>

#include "net/tls/openssl.h"
#include "net/tls/tls.h"

namespace weir::net {

namespace {

constexpr std::string_view server_protocols("\x02h2\x08http/1.1", 12);

Bio read_only_bio(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(),
                             static_cast<int>(std::min<std::size_t>(text.size(), std::numeric_limits<int>::max()))));
}

// An encrypted key is an error, not a question on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_bytes,
                    const unsigned char* offered, unsigned int offered_bytes, void* /*user*/) {
  unsigned char* found = nullptr;
  const int outcome =
      SSL_select_next_proto(&found, chosen_bytes, reinterpret_cast<const unsigned char*>(server_protocols.data()),
                            static_cast<unsigned int>(server_protocols.size()), offered, offered_bytes);
  *chosen = found;
  // A client that speaks neither is told so in the handshake.
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<void> use_certificates(SSL_CTX* context, std::string_view pem) {
  const Bio bio = read_only_bio(pem);
  const Certificate leaf(PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return fail(ErrorCode::invalid_argument, "TLS certificate: " + take_openssl_error());
  }
  for (;;) {
    const Certificate issuer(PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr));
    if (issuer == nullptr) break;
    if (SSL_CTX_add1_chain_cert(context, issuer.get()) != 1) {
      return fail(ErrorCode::invalid_argument, "TLS certificate chain: " + take_openssl_error());
    }
  }
  ERR_clear_error();  // the end of the text
  return {};
}

Result<void> use_private_key(SSL_CTX* context, std::string_view pem) {
  const Bio bio = read_only_bio(pem);
  const PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr));
  if (key == nullptr || SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1) {
    return fail(ErrorCode::invalid_argument, "TLS private key: " + take_openssl_error());
  }
  return {};
}

Result<void> trust(SSL_CTX* context, std::string_view pem) {
  const Bio bio = read_only_bio(pem);
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  std::size_t count = 0;
  for (;; ++count) {
    const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr));
    if (certificate == nullptr) break;
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      return fail(ErrorCode::invalid_argument, "trusted certificates: " + take_openssl_error());
    }
  }
  ERR_clear_error();
  if (count == 0) return fail(ErrorCode::invalid_argument, "trusted certificates: the PEM text holds none");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return {};
}

// Clients show a certificate of one of the authorities in `pem`.
Result<void> demand_client_certificate(SSL_CTX* context, std::string_view pem) {
  WEIR_CHECK(trust(context, pem));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // A resumed session would keep in who is no longer trusted.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  const Bio bio = read_only_bio(pem);
  for (;;) {
    const Certificate authority(PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr));
    if (authority == nullptr) break;
    if (SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return fail(ErrorCode::invalid_argument, "trusted certificates: " + take_openssl_error());
    }
  }
  ERR_clear_error();  // the end of the text
  return {};
}

struct ContextDeleter {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using ContextPointer = std::unique_ptr<SSL_CTX, ContextDeleter>;

ContextPointer make_context(const SSL_METHOD* method) {
  ContextPointer context(SSL_CTX_new(method));
  WEIR_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets keep sessions at the clients
  SSL_CTX_set_num_tickets(context.get(), 1);
  return context;
}

}  // namespace

Result<void> TlsContext::succeed_by(std::shared_ptr<const TlsContext> next) const {
  WEIR_ASSERT(next->is_server_ == is_server_);
  if (successors_.size() >= successors_max) {
    return fail(ErrorCode::limit_exceeded,
                "certificates were renewed " + std::to_string(successors_max) + " times since the process started");
  }
  successors_.push_back(std::move(next));
  newest_.store(successors_.back().get(), std::memory_order_release);
  return {};
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>> TlsContext::server(std::string_view certificate_chain_pem,
                                                             std::string_view private_key_pem,
                                                             std::string_view trusted_clients_pem) {
  ContextPointer context = make_context(TLS_server_method());
  WEIR_CHECK(use_certificates(context.get(), certificate_chain_pem));
  WEIR_CHECK(use_private_key(context.get(), private_key_pem));
  const bool verifies = !trusted_clients_pem.empty();
  if (verifies) WEIR_CHECK(demand_client_certificate(context.get(), trusted_clients_pem));
  SSL_CTX_set_alpn_select_cb(context.get(), &choose_protocol, nullptr);
  return std::shared_ptr<const TlsContext>(new TlsContext(context.release(), true, verifies));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::client(const TlsClientOptions& options) {
  ContextPointer context = make_context(TLS_client_method());
  if (!options.trusted_pem.empty()) WEIR_CHECK(trust(context.get(), options.trusted_pem));
  if (!options.certificate_pem.empty() || !options.private_key_pem.empty()) {
    WEIR_CHECK(use_certificates(context.get(), options.certificate_pem));
    WEIR_CHECK(use_private_key(context.get(), options.private_key_pem));
  }
  std::string protocols;
  for (const std::string& name : options.protocols) {
    constexpr std::size_t name_bytes_max = 255;
    if (name.empty() || name.size() > name_bytes_max) {
      return fail(ErrorCode::invalid_argument, "ALPN protocol '" + name + "': 1 to 255 bytes are wanted");
    }
    protocols.push_back(static_cast<char>(name.size()));
    protocols.append(name);
  }
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned int>(protocols.size()));
  return std::shared_ptr<const TlsContext>(new TlsContext(context.release(), false, !options.trusted_pem.empty()));
}

}  // namespace weir::net
