// Requests for the tests of authentication.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "frontend/authentication/authenticator.h"
#include "frontend/authentication/sigv4.h"

namespace weir::frontend {

// 2026-01-02T03:04:05Z, the time of the reference's vector.
inline constexpr WallTime vector_time = wall_time_ms(1767323045000);
inline constexpr std::string_view vector_date = "20260102T030405Z";

inline Credential vector_credential() {
  return {.access_key_id = "AKIDEXAMPLE",
          .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
          .account = "123456789012"};
}

inline CredentialsPointer credentials_of(std::string_view toml) {
  return std::make_shared<const CredentialSet>(CredentialSet::parse(toml, "credentials.toml").value());
}

inline CredentialsPointer vector_credentials(std::string_view more = "") {
  return credentials_of(R"([[credential]]
access_key_id = "AKIDEXAMPLE"
secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
account = "123456789012"
)" + std::string(more));
}

// A request that owns what its views point to.
class TestRequest {
 public:
  explicit TestRequest(std::string body = "{}") : body_(std::move(body)) {
    set("content-type", "application/x-amz-json-1.1");
    set("host", "localhost:4567");
    set("x-amz-target", "Kinesis_20131202.ListStreams");
  }

  TestRequest& set(std::string name, std::string value) {
    for (auto& header : headers_) {
      if (header.first != name) continue;
      header.second = std::move(value);
      return *this;
    }
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  TestRequest& add(std::string name, std::string value) {
    headers_.emplace_back(std::move(name), std::move(value));
    return *this;
  }
  TestRequest& remove(std::string_view name) {
    std::erase_if(headers_, [&](const auto& header) { return header.first == name; });
    return *this;
  }
  TestRequest& query(std::string query) {
    query_ = std::move(query);
    return *this;
  }
  TestRequest& method(std::string method) {
    method_ = std::move(method);
    return *this;
  }
  TestRequest& path(std::string path) {
    path_ = std::move(path);
    return *this;
  }
  TestRequest& sign(const Credential& credential, WallTime now, std::string_view region = "us-east-1") {
    for (auto& [name, value] : sign_request(http(), credential, region, now)) set(name, value);
    return *this;
  }
  [[nodiscard]] std::string header(std::string_view name) { return std::string(http().header(name).value_or("")); }
  [[nodiscard]] std::string& body() { return body_; }

  // Valid until the next change. The body has the padding that the transport gives it.
  [[nodiscard]] net::HttpRequest& http() {
    body_.reserve(body_.size() + net::body_padding_bytes);
    request_.method = method_;
    request_.path = path_;
    request_.query = query_;
    request_.headers.clear();
    for (const auto& [name, value] : headers_) request_.headers.push_back({name, value});
    request_.body = MutableBytes(reinterpret_cast<std::byte*>(body_.data()), body_.size());
    return request_;
  }

 private:
  std::string body_;
  std::string method_ = "POST";
  std::string path_ = "/";
  std::string query_;
  std::vector<std::pair<std::string, std::string>> headers_;
  net::HttpRequest request_;
};

}  // namespace weir::frontend
