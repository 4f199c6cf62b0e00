#include "frontend/authentication/authenticator.h"

#include <algorithm>

#include "frontend/authentication/sigv4.h"

namespace weir::frontend {
namespace {

namespace errors = kinesis::errors;
using kinesis::ApiError;

constexpr std::size_t account_digits = 12;

bool is_account(std::string_view text) {
  return text.size() == account_digits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

ApiError mismatch() {
  return errors::invalid_signature(
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
      "and signing method. Consult the service documentation for details.");
}

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Whether the names rise strictly, as the algorithm asks. It also keeps one header from being hashed many times.
bool names_rise(std::string_view signed_headers) {
  std::string_view last;
  for (bool first = true; !signed_headers.empty(); first = false) {
    const std::size_t end = std::min(signed_headers.find(';'), signed_headers.size());
    const std::string_view name = signed_headers.substr(0, end);
    if (name.empty() || (!first && name <= last)) return false;
    last = name;
    signed_headers.remove_prefix(std::min(end + 1, signed_headers.size()));
  }
  return true;
}

// A presigned request may carry its token in the query.
std::string session_token(const net::HttpRequest& request) {
  if (const auto token = request.header("x-amz-security-token")) return std::string(*token);
  constexpr std::string_view name = "X-Amz-Security-Token=";
  const std::string_view query = request.query;
  for (std::size_t start = 0; start < query.size();) {
    const std::size_t end = std::min(query.find('&', start), query.size());
    const std::string_view part = query.substr(start, end - start);
    if (part.starts_with(name)) return percent_decoded(part.substr(name.size()));
    start = end + 1;
  }
  return {};
}

Identity identity_of_any(SignatureParts parts) {
  const std::string_view account = is_account(parts.access_key_id) ? parts.access_key_id : default_account;
  return Identity{std::string(account), std::move(parts.access_key_id), std::move(parts.region)};
}

}  // namespace

Authenticator::Authenticator(CredentialsPointer credentials, Verification verification)
    : credentials_(std::move(credentials)), verification_(verification) {}

void Authenticator::replace(CredentialsPointer credentials) {
  credentials_ = std::move(credentials);
  signing_keys_.clear();
}

std::expected<Identity, ApiError> Authenticator::authenticate(const net::HttpRequest& request, WallTime now) {
  auto claim = examine(request, now);
  if (!claim) return std::unexpected(std::move(claim.error()));
  if (claim->credential == nullptr) return identity_of_any(std::move(claim->parts));
  return verify(std::move(*claim), request, sha256_.digest(request.body));
}

env::Task<std::expected<Identity, ApiError>> Authenticator::authenticate_in_pieces(const net::HttpRequest& request,
                                                                                   WallTime now, LargeWork& work) {
  auto claim = examine(request, now);
  if (!claim) co_return std::unexpected(std::move(claim.error()));
  if (claim->credential == nullptr) co_return identity_of_any(std::move(claim->parts));
  Sha256 hash;  // sha256_ is others' between the pieces
  co_await work.run_in_pieces(request.body, [&hash](BytesView piece) { hash.add(piece); });
  // They may have been replaced meanwhile.
  const auto credential = find_credential(claim->parts.access_key_id, request, now);
  if (!credential) co_return std::unexpected(credential.error());
  claim->credential = *credential;
  co_return verify(std::move(*claim), request, hash.finish());
}

std::expected<Authenticator::Claim, ApiError> Authenticator::examine(const net::HttpRequest& request,
                                                                     WallTime now) const {
  auto parts = parse_signature(request);
  if (!parts) return std::unexpected(std::move(parts.error()));
  if (verification_ == Verification::accept_any) return Claim{std::move(*parts)};
  if (auto checked = check_scope_and_time(*parts, now); !checked) return std::unexpected(std::move(checked.error()));
  auto credential = find_credential(parts->access_key_id, request, now);
  if (!credential) return std::unexpected(std::move(credential.error()));
  const bool has_form = parts->signature.size() == sha256_hex_characters && is_lower_hex(parts->signature);
  if (!has_form || !names_rise(parts->signed_headers)) return std::unexpected(mismatch());
  return Claim{std::move(*parts), *credential};
}

std::expected<const Credential*, ApiError> Authenticator::find_credential(std::string_view access_key_id,
                                                                          const net::HttpRequest& request,
                                                                          WallTime now) const {
  const Credential* credential = credentials_->find(access_key_id);
  if (credential == nullptr) return std::unexpected(errors::unrecognized_client());
  if (!credential->session_token.empty() &&
      !equal_in_constant_time(session_token(request), credential->session_token)) {
    return std::unexpected(errors::unrecognized_client());
  }
  if (credential->expires && *credential->expires <= now) return std::unexpected(errors::expired_token());
  return credential;
}

std::expected<Identity, ApiError> Authenticator::verify(Claim claim, const net::HttpRequest& request,
                                                        const Sha256Digest& body) {
  if (!is_signature_right(claim, request, body)) return std::unexpected(mismatch());
  return Identity{claim.credential->account, std::move(claim.parts.access_key_id), std::move(claim.parts.region)};
}

bool Authenticator::is_signature_right(const Claim& claim, const net::HttpRequest& request, const Sha256Digest& body) {
  body_hash_.clear();
  append_hex(body_hash_, body);
  const auto claimed = request.header("x-amz-content-sha256");
  if (claimed && !equal_in_constant_time(*claimed, body_hash_)) return false;

  const SignatureParts& parts = claim.parts;
  canonical_.clear();
  append_canonical_request(canonical_, request, parts.signed_headers, body_hash_);
  to_sign_.clear();
  append_string_to_sign(to_sign_, parts.iso_time, parts.scope_date, parts.region, sha256_.digest(as_bytes(canonical_)));

  std::string name;
  name.reserve(parts.access_key_id.size() + parts.scope_date.size() + parts.region.size() + 2);
  name.append(parts.access_key_id).append("/").append(parts.scope_date).append("/").append(parts.region);
  const auto cached = signing_keys_.find(name);
  std::optional<HmacKey> derived;
  if (cached == signing_keys_.end()) {
    derived.emplace(derive_signing_key(claim.credential->secret_access_key, parts.scope_date, parts.region));
  }
  const HmacKey& key = derived ? *derived : cached->second;
  if (!equal_in_constant_time(to_hex(key.authenticate(as_bytes(to_sign_))), parts.signature)) return false;
  // Only keys that have signed something are kept: a stranger cannot push them out.
  if (derived) {
    if (signing_keys_.size() >= signing_keys_max) signing_keys_.clear();
    signing_keys_.emplace(std::move(name), std::move(*derived));
  }
  return true;
}

}  // namespace weir::frontend
