// Owners of OpenSSL's objects, and its errors as text. For the .cc files of TLS only.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <string>

#include "net/peer.h"

namespace weir::net {

template <auto free>
struct OpensslDeleter {
  template <class T>
  void operator()(T* object) const noexcept {
    free(object);
  }
};
using Bio = std::unique_ptr<BIO, OpensslDeleter<&BIO_free_all>>;
using Certificate = std::unique_ptr<X509, OpensslDeleter<&X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, OpensslDeleter<&EVP_PKEY_free>>;

using AlternativeNames = std::unique_ptr<GENERAL_NAMES, OpensslDeleter<&GENERAL_NAMES_free>>;

// What a certificate says of its bearer. In tls_certificate.cc.
[[nodiscard]] PeerIdentity identity_of(const X509* certificate);

// The calling thread's oldest OpenSSL error, and forgets the rest.
[[nodiscard]] inline std::string take_openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* const reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  std::array<char, 128> text;
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

}  // namespace weir::net
