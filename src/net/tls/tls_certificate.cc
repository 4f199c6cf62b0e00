#include "net/tls/tls_certificate.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/assert.h"
#include "net/tls/openssl.h"

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
  std::string list;
  for (const std::string& name : names) {
    const bool is_address = Address(a2i_IPADDRESS(name.c_str())) != nullptr;
    if (!is_address && !is_dns_name(name)) {
      return fail(ErrorCode::invalid_argument, "'" + name + "' is neither a DNS name nor a numeric address");
    }
    list.append(list.empty() ? "" : ",").append(is_address ? "IP:" : "DNS:").append(name);
  }
  ERR_clear_error();
  return list;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
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

struct KeyAndCertificate {
  PrivateKey key;
  Certificate certificate;
};

// Without extensions and unsigned.
Result<KeyAndCertificate> make_certificate(const std::string& common_name, WallTime valid_from, WallTime valid_until) {
  if (valid_until <= valid_from) {
    return fail(ErrorCode::invalid_argument, "a certificate must not end before it begins");
  }
  KeyAndCertificate made{PrivateKey(EVP_EC_gen("P-256")), Certificate(X509_new())};
  X509* const certificate = made.certificate.get();
  WEIR_ASSERT(made.key != nullptr && certificate != nullptr);
  constexpr long version_3 = 2;
  X509_set_version(certificate, version_3);
  set_random_serial(certificate);
  ASN1_TIME_set(X509_getm_notBefore(certificate), unix_seconds(valid_from));
  ASN1_TIME_set(X509_getm_notAfter(certificate), unix_seconds(valid_until));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
  X509_set_pubkey(certificate, made.key.get());
  return made;
}

Result<CertificatePem> sign(const KeyAndCertificate& made, X509* issuer, EVP_PKEY* issuer_key) {
  X509* const certificate = made.certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  if (X509_sign(certificate, issuer_key, EVP_sha256()) == 0) {
    return fail(ErrorCode::internal, "signing the certificate: " + take_openssl_error());
  }
  return CertificatePem{.certificate = to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }),
                        .private_key = to_pem([&](BIO* bio) {
                          return PEM_write_bio_PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
                        })};
}

// An encrypted key is an error, not a question on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

Result<KeyAndCertificate> parse_authority(const CertificatePem& pem) {
  const Bio certificate_bio(BIO_new_mem_buf(pem.certificate.data(), static_cast<int>(pem.certificate.size())));
  const Bio key_bio(BIO_new_mem_buf(pem.private_key.data(), static_cast<int>(pem.private_key.size())));
  KeyAndCertificate authority{PrivateKey(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, &no_passphrase, nullptr)),
                              Certificate(PEM_read_bio_X509(certificate_bio.get(), nullptr, &no_passphrase, nullptr))};
  if (authority.certificate == nullptr || authority.key == nullptr) {
    return fail(ErrorCode::invalid_argument, "the authority: " + take_openssl_error());
  }
  if (X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1 ||
      X509_check_ca(authority.certificate.get()) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::invalid_argument,
                "the authority: the certificate is none of an authority, or of another key");
  }
  return authority;
}

// The name that a certificate is called by, within the bounds of X.509.
std::string common_name_of(const std::string& name) {
  constexpr std::size_t common_name_bytes_max = 64;
  return name.substr(0, common_name_bytes_max);
}

}  // namespace

Result<CertificatePem> make_self_signed_certificate(const CertificateRequest& request) {
  std::vector<std::string> all_names{"localhost", "127.0.0.1", "::1"};
  all_names.insert(all_names.end(), request.names.begin(), request.names.end());
  WEIR_TRY(const std::string names, alternative_names(all_names));
  WEIR_TRY(const KeyAndCertificate made, make_certificate("Weir", request.valid_from, request.valid_until));
  X509* const certificate = made.certificate.get();
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate, certificate, NID_ext_key_usage, "serverAuth");
  add_extension(certificate, certificate, NID_subject_alt_name, names);
  return sign(made, certificate, made.key.get());
}

Result<CertificatePem> make_certificate_authority(const std::string& name, WallTime valid_from, WallTime valid_until) {
  const bool printable = std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; });
  if (name.empty() || common_name_of(name) != name || !printable) {
    return fail(ErrorCode::invalid_argument, "an authority's name has 1 to 64 printable ASCII characters");
  }
  WEIR_TRY(const KeyAndCertificate made, make_certificate(name, valid_from, valid_until));
  X509* const certificate = made.certificate.get();
  add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
  return sign(made, certificate, made.key.get());
}

Result<CertificatePem> issue_certificate(const CertificatePem& authority, const CertificateRequest& request) {
  if (request.names.empty()) return fail(ErrorCode::invalid_argument, "a certificate bears at least one name");
  WEIR_TRY(std::string names, alternative_names(request.names));
  if (!std::ranges::all_of(request.role, [](char c) { return c >= 'a' && c <= 'z'; })) {
    return fail(ErrorCode::invalid_argument, "'" + request.role + "' is no role");
  }
  if (!request.role.empty()) names.append(",URI:").append(role_uri_prefix).append(request.role);
  WEIR_TRY(const KeyAndCertificate issuer, parse_authority(authority));
  WEIR_TRY(const KeyAndCertificate made,
           make_certificate(common_name_of(request.names.front()), request.valid_from, request.valid_until));
  X509* const certificate = made.certificate.get();
  const ASN1_TIME* const authority_end = X509_get0_notAfter(issuer.certificate.get());
  if (ASN1_TIME_compare(X509_get0_notBefore(certificate), authority_end) >= 0) {
    return fail(ErrorCode::invalid_argument, "the authority has expired");
  }
  if (ASN1_TIME_compare(X509_get0_notAfter(certificate), authority_end) > 0) {
    X509_set1_notAfter(certificate, authority_end);
  }
  add_extension(certificate, issuer.certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate, issuer.certificate.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, issuer.certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(certificate, issuer.certificate.get(), NID_subject_key_identifier, "hash");
  add_extension(certificate, issuer.certificate.get(), NID_authority_key_identifier, "keyid:always");
  add_extension(certificate, issuer.certificate.get(), NID_subject_alt_name, names);
  return sign(made, issuer.certificate.get(), issuer.key.get());
}

PeerIdentity identity_of(const X509* certificate) {
  PeerIdentity identity;
  std::array<char, 128> name{};
  const int bytes = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                                              static_cast<int>(name.size()));
  if (bytes > 0) identity.name.assign(name.data(), static_cast<std::size_t>(bytes));
  const AlternativeNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const entry = sk_GENERAL_NAME_value(names.get(), i);
    if (entry->type != GEN_URI) continue;
    const ASN1_STRING* const text = entry->d.uniformResourceIdentifier;
    const std::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                               static_cast<std::size_t>(ASN1_STRING_length(text)));
    if (uri.starts_with(role_uri_prefix)) identity.role = uri.substr(role_uri_prefix.size());
  }
  ERR_clear_error();
  return identity;
}

}  // namespace weir::net
