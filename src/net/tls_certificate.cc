#include "net/tls_certificate.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "net/openssl.h"

namespace weir::net {

namespace {

using Extension = std::unique_ptr<X509_EXTENSION, OpensslDeleter<&X509_EXTENSION_free>>;
using Address = std::unique_ptr<ASN1_OCTET_STRING, OpensslDeleter<&ASN1_OCTET_STRING_free>>;

bool is_dns_name(std::string_view name) {
  constexpr std::size_t name_bytes_max = 253;
  if (name.starts_with("*.")) name.remove_prefix(2);
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, allowed);
}

// In the notation of OpenSSL's configuration: "DNS:localhost,IP:127.0.0.1". Only checked names get here.
Result<std::string> alternative_names(const std::vector<std::string>& names) {
  std::string list = "DNS:localhost,IP:127.0.0.1,IP:::1";
  for (const std::string& name : names) {
    const bool is_address = Address(a2i_IPADDRESS(name.c_str())) != nullptr;
    if (!is_address && !is_dns_name(name)) {
      return fail(ErrorCode::invalid_argument, "'" + name + "' is neither a DNS name nor a numeric address");
    }
    list.append(is_address ? ",IP:" : ",DNS:").append(name);
  }
  ERR_clear_error();
  return list;
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  WEIR_ASSERT(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void set_random_serial(X509* certificate) {
  std::uint64_t serial = 0;
  WEIR_ASSERT(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1U | 1U);
}

template <class Write>
std::string to_pem(Write write) {
  const Bio bio(BIO_new(BIO_s_mem()));
  WEIR_ASSERT(bio != nullptr && write(bio.get()) == 1);
  char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(bytes));
}

}  // namespace

Result<CertificatePem> make_self_signed_certificate(const CertificateRequest& request) {
  if (request.valid_until <= request.valid_from) {
    return fail(ErrorCode::invalid_argument, "a certificate must not end before it begins");
  }
  WEIR_TRY(const std::string names, alternative_names(request.names));
  const PrivateKey key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  WEIR_ASSERT(key != nullptr && certificate != nullptr);
  constexpr long version_3 = 2;
  X509_set_version(certificate.get(), version_3);
  set_random_serial(certificate.get());
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), unix_seconds(request.valid_from));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), unix_seconds(request.valid_until));
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("Weir"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_set_pubkey(certificate.get(), key.get());
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate.get(), NID_ext_key_usage, "serverAuth");
  add_extension(certificate.get(), NID_subject_alt_name, names);
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return fail(ErrorCode::internal, "signing the certificate: " + take_openssl_error());
  }
  return CertificatePem{.certificate = to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }),
                        .private_key = to_pem([&](BIO* bio) {
                          return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
                        })};
}

}  // namespace weir::net
