#include <fmt/format.h>

#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "tests/frontend/authentication_support.h"

namespace weir::frontend {
namespace {

template <class Append>
std::string appended(Append append, std::string_view input) {
  std::string out;
  append(out, input);
  return out;
}

// API reference §8.1.
TEST(SigV4, TheVectorOfTheReference) {
  TestRequest request;
  request.set("x-amz-date", std::string(vector_date));
  const Sha256 sha256;
  const std::string body_hash = to_hex(sha256.digest(as_bytes("{}")));
  EXPECT_EQ(body_hash, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  std::string canonical;
  append_canonical_request(canonical, request.http(), "content-type;host;x-amz-date;x-amz-target", body_hash);
  const Sha256Digest digest = sha256.digest(as_bytes(canonical));
  EXPECT_EQ(to_hex(digest), "9b40a124fa191031035d0cf10eb991aec4f41554d01806af7121e4dfaf705890");
  std::string to_sign;
  append_string_to_sign(to_sign, vector_date, "20260102", "us-east-1", digest);
  const HmacKey key = derive_signing_key(vector_credential().secret_access_key, "20260102", "us-east-1");
  EXPECT_EQ(to_hex(key.authenticate(as_bytes(to_sign))),
            "b3d98d1bd3062919b9bd760bd782a1ea522367a3b7effe70341c5c3e07d5bd4c");
}

TEST(SigV4, TheSignerMakesTheVectorOfTheReference) {
  TestRequest request;
  request.sign(vector_credential(), vector_time);
  EXPECT_EQ(request.header("x-amz-date"), vector_date);
  EXPECT_EQ(request.header("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/kinesis/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
            "Signature=b3d98d1bd3062919b9bd760bd782a1ea522367a3b7effe70341c5c3e07d5bd4c");
}

TEST(SigV4, CanonicalPaths) {
  const auto path = [](std::string_view text) { return appended(append_canonical_path, text); };
  EXPECT_EQ(path(""), "/");
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("//"), "/");
  EXPECT_EQ(path("/a/../.."), "/");
  EXPECT_EQ(path("/a//b/./c/../d"), "/a/b/d");
  EXPECT_EQ(path("/a/"), "/a/");
  EXPECT_EQ(path("/a%20b"), "/a%2520b");
  EXPECT_EQ(path("/\xC3\xBC~-_."), "/%C3%BC~-_.");
}

TEST(SigV4, CanonicalQueries) {
  const auto query = [](std::string_view text) { return appended(append_canonical_query, text); };
  EXPECT_EQ(query(""), "");
  EXPECT_EQ(query("b=2&a=1"), "a=1&b=2");
  EXPECT_EQ(query("a"), "a=");
  EXPECT_EQ(query("a=2&a=1&a"), "a=&a=1&a=2");
  EXPECT_EQ(query("a=%2f%7E+x y"), "a=%2F~%2Bx%20y");
  EXPECT_EQ(query("a=b=c"), "a=b%3Dc");
  EXPECT_EQ(query("a=%zz%4"), "a=%25zz%254");
  EXPECT_EQ(query("X-Amz-Signature=1&a=b&&"), "a=b");
}

TEST(SigV4, CanonicalHeaderValues) {
  const auto value = [](std::string_view text) { return appended(append_canonical_value, text); };
  EXPECT_EQ(value("  a  b\t\tc "), "a b c");
  EXPECT_EQ(value(""), "");
  EXPECT_EQ(value("   "), "");
}

TEST(SigV4, RepeatedHeadersAreJoinedAndAuthorityIsTheHost) {
  TestRequest request;
  request.add("x-many", "1").add("x-many", " 2 ");
  std::string canonical;
  append_canonical_request(canonical, request.http(), ":authority;x-absent;x-many", "hash");
  EXPECT_EQ(canonical,
            "POST\n/\n\n:authority:localhost:4567\nx-absent:\nx-many:1,2\n\n:authority;x-absent;x-many\nhash");
}

TEST(SigV4, IsoBasicTime) {
  EXPECT_EQ(iso_basic_time(vector_time), vector_date);
  EXPECT_EQ(iso_basic_time(wall_time_ms(0)), "19700101T000000Z");
  EXPECT_EQ(iso_basic_time(wall_time_ms(951827696789)), "20000229T123456Z");
}

TEST(Digest, ContextsCanBeUsedAgainAndAgain) {
  const Sha256 sha256;
  const HmacKey key(as_bytes("key"));
  const std::string digest = to_hex(sha256.digest(as_bytes("message")));
  const std::string code = to_hex(key.authenticate(as_bytes("message")));
  EXPECT_EQ(code, "6e9ef29b75fffc5b7abae527d58fdadb2fe42e7219011976917343065f58ed4a");
  (void)sha256.digest(as_bytes("other"));
  (void)key.authenticate(as_bytes("other"));
  EXPECT_EQ(to_hex(sha256.digest(as_bytes("message"))), digest);
  EXPECT_EQ(to_hex(key.authenticate(as_bytes("message"))), code);
}

RC_GTEST_PROP(SigV4, WhatTheSignerSignsTheAuthenticatorAccepts, ()) {
  const auto text = [] { return *rc::gen::container<std::string>(rc::gen::inRange<char>(' ', '\x7F')); };
  TestRequest request(*rc::gen::arbitrary<std::string>());
  request.path("/" + *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab/.%2~"))));
  request.query(*rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab=&%2f+~"))));
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) request.add("x-extra-" + std::to_string(i % 3), text());
  Authenticator authenticator(vector_credentials());
  request.sign(vector_credential(), vector_time);
  RC_ASSERT(authenticator.authenticate(request.http(), vector_time).has_value());
}

// Every change to a signed part must break the signature.
TEST(Authenticator, AnyChangeOfASignedPartIsRefused) {
  Authenticator authenticator(vector_credentials());
  TestRequest good(R"({"Limit":1})");
  good.sign(vector_credential(), vector_time);
  ASSERT_TRUE(authenticator.authenticate(good.http(), vector_time).has_value());
  const auto refused = [&](auto change) {
    TestRequest changed = good;
    change(changed);
    const auto result = authenticator.authenticate(changed.http(), vector_time);
    return !result.has_value() && result.error().code == kinesis::ApiErrorCode::invalid_signature;
  };
  EXPECT_TRUE(refused([](TestRequest& r) { r.body()[9] = '2'; }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.body() += ' '; }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.path("/x"); }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.query("a=b"); }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.set("host", "localhost:4568"); }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.set("x-amz-target", "Kinesis_20131202.DeleteStream"); }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.set("x-amz-date", "20260102T030406Z"); }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.remove("content-type"); }));
  EXPECT_TRUE(refused([](TestRequest& r) { r.add("host", "other"); }));
  const std::string authorization = good.header("authorization");
  const std::size_t signature = authorization.find("Signature=") + 10;
  for (std::size_t i = signature; i < authorization.size(); ++i) {
    EXPECT_TRUE(refused([&](TestRequest& r) {
      std::string changed = authorization;
      changed[i] = changed[i] == '0' ? '1' : '0';
      r.set("authorization", changed);
    }));
  }
  EXPECT_TRUE(refused([&](TestRequest& r) { r.set("authorization", authorization + "0"); }));
  EXPECT_FALSE(refused([](TestRequest& r) { r.set("user-agent", "not signed"); }));
}

}  // namespace
}  // namespace weir::frontend
