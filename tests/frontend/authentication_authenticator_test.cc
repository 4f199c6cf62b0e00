#include <fmt/format.h>

#include "gtest/gtest.h"
#include "tests/frontend/authentication_support.h"

namespace weir::frontend {
namespace {

using kinesis::ApiErrorCode;

constexpr std::string_view mismatch =
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and "
    "signing method. Consult the service documentation for details.";

// "Code: message", or "accepted".
std::string outcome(Authenticator& authenticator, TestRequest& request, WallTime now = vector_time) {
  const auto result = authenticator.authenticate(request.http(), now);
  if (result.has_value()) return "accepted";
  return std::string(kinesis::info(result.error().code).name) + ": " + result.error().message;
}

std::string outcome(TestRequest& request, WallTime now = vector_time) {
  Authenticator authenticator(vector_credentials());
  return outcome(authenticator, request, now);
}

// A request with the given Authorization header and the vector's date.
std::string outcome_of(std::string authorization) {
  TestRequest request;
  request.set("x-amz-date", std::string(vector_date)).set("authorization", std::move(authorization));
  return outcome(request);
}

std::string authorization(std::string_view credential, std::string_view signed_headers = "host") {
  return fmt::format("AWS4-HMAC-SHA256 Credential={}, SignedHeaders={}, Signature={}", credential, signed_headers,
                     std::string(64, 'a'));
}

// The vector's request in presigned form, properly signed.
TestRequest presigned(std::string_view more_parameters, WallTime time = vector_time) {
  TestRequest request;
  const std::string query = fmt::format(
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F{0}%2Fus-east-1%2Fkinesis%2Faws4_request&X-Amz-"
      "Date="
      "{1}&X-Amz-SignedHeaders=host{2}",
      iso_basic_time(time).substr(0, 8), iso_basic_time(time), more_parameters);
  request.query(query);
  const Sha256 sha256;
  std::string canonical;
  append_canonical_request(canonical, request.http(), "host", to_hex(sha256.digest(as_bytes("{}"))));
  std::string to_sign;
  append_string_to_sign(to_sign, iso_basic_time(time), iso_basic_time(time).substr(0, 8), "us-east-1",
                        sha256.digest(as_bytes(canonical)));
  const HmacKey key =
      derive_signing_key(vector_credential().secret_access_key, iso_basic_time(time).substr(0, 8), "us-east-1");
  request.query(query + "&X-Amz-Signature=" + to_hex(key.authenticate(as_bytes(to_sign))));
  return request;
}

TEST(Authenticator, AcceptsASignedRequestAndSaysWhoSentIt) {
  Authenticator authenticator(vector_credentials());
  TestRequest request;
  request.sign(vector_credential(), vector_time, "eu-west-1");
  const auto identity = authenticator.authenticate(request.http(), vector_time);
  ASSERT_TRUE(identity.has_value());
  EXPECT_EQ(identity->account, "123456789012");
  EXPECT_EQ(identity->access_key_id, "AKIDEXAMPLE");
  EXPECT_EQ(identity->region, "eu-west-1");
}

TEST(Authenticator, SeparatorsMayBeCommasOrBlanks) {
  TestRequest request;
  request.sign(vector_credential(), vector_time);
  std::string header = request.header("authorization");
  for (const char* separator : {",", " ", " , "}) {
    std::string changed = header;
    for (std::size_t at = changed.find(", "); at != std::string::npos; at = changed.find(", ", at + 4)) {
      changed.replace(at, 2, separator);
    }
    request.set("authorization", changed);
    EXPECT_EQ(outcome(request), "accepted") << changed;
  }
}

TEST(Authenticator, AcceptsADateHeaderInPlaceOfXAmzDate) {
  for (const char* date : {"Fri, 02 Jan 2026 03:04:05 GMT", "20260102T030405Z"}) {
    TestRequest request;
    request.set("date", date);
    const Sha256 sha256;
    std::string canonical;
    append_canonical_request(canonical, request.http(), "date;host", to_hex(sha256.digest(as_bytes("{}"))));
    std::string to_sign;
    append_string_to_sign(to_sign, vector_date, "20260102", "us-east-1", sha256.digest(as_bytes(canonical)));
    const HmacKey key = derive_signing_key(vector_credential().secret_access_key, "20260102", "us-east-1");
    request.set("authorization",
                fmt::format("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/kinesis/aws4_request, "
                            "SignedHeaders=date;host, Signature={}",
                            to_hex(key.authenticate(as_bytes(to_sign)))));
    EXPECT_EQ(outcome(request), "accepted") << date;
  }
}

TEST(Authenticator, AcceptsThePresignedForm) {
  TestRequest plain = presigned("");
  EXPECT_EQ(outcome(plain), "accepted");
  EXPECT_TRUE(outcome(plain, vector_time + seconds(301)).starts_with("InvalidSignatureException: Signature expired"));
  TestRequest hour = presigned("&X-Amz-Expires=3600");
  EXPECT_EQ(outcome(hour, vector_time + seconds(3600)), "accepted");
  EXPECT_EQ(outcome(hour, vector_time + seconds(3601)),
            "InvalidSignatureException: Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z "
            "(20260102T040406Z - 60 min.)");
  EXPECT_EQ(outcome(hour, vector_time - seconds(300)), "accepted");
  EXPECT_NE(outcome(hour, vector_time - seconds(301)), "accepted");
  for (const char* expires : {"0", "604801", "-1", "x", "99999999999"}) {
    TestRequest bad = presigned(fmt::format("&X-Amz-Expires={}", expires));
    EXPECT_TRUE(outcome(bad).starts_with("IncompleteSignatureException: X-Amz-Expires must be")) << expires;
  }
}

// API reference §2.6, row by row.
TEST(Authenticator, BothFormsOrNone) {
  TestRequest none;
  EXPECT_EQ(outcome(none), "MissingAuthenticationTokenException: Missing Authentication Token");
  none.set("authorization", "");
  EXPECT_EQ(outcome(none), "MissingAuthenticationTokenException: Missing Authentication Token");
  none.set("authorization", "Basic dGVzdDp0ZXN0");
  EXPECT_EQ(outcome(none), "MissingAuthenticationTokenException: Missing Authentication Token");
  TestRequest both;
  both.set("authorization", "x").query("X-Amz-Algorithm");
  EXPECT_EQ(
      outcome(both),
      "InvalidSignatureException: Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP "
      "header.");
}

TEST(Authenticator, MissingParametersAreAllNamed) {
  TestRequest header;
  header.set("authorization", "AWS4-HMAC-SHA256 Credential=");
  EXPECT_EQ(
      outcome(header),
      "IncompleteSignatureException: Authorization header requires 'Credential' parameter. Authorization header "
      "requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header "
      "requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 Credential=");
  EXPECT_EQ(outcome_of("AWS4-HMAC-SHA256 Credential=a SignedHeaders=b"),
            "IncompleteSignatureException: Authorization header requires 'Signature' parameter. "
            "Authorization=AWS4-HMAC-SHA256 Credential=a SignedHeaders=b");
  TestRequest query;
  query.query("X-Amz-Algorithm=");
  EXPECT_EQ(
      outcome(query),
      "IncompleteSignatureException: AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string "
      "parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS "
      "query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include "
      "'X-Amz-Date'. Re-examine the query-string parameters.");
}

TEST(Authenticator, MalformedParameters) {
  EXPECT_EQ(outcome_of(authorization("a/b/c")),
            "IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, e.g. "
            "keyid/date/region/service/term, got 'a/b/c'");
  EXPECT_EQ(outcome_of("AWS4-HMAC-SHA512 Credential=a/b/c/d/e, SignedHeaders=host, Signature=b"),
            "IncompleteSignatureException: Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'.");
  for (const char* date : {"2026-01-02T03:04:05Z", "20261302T030405Z", "20260230T030405Z", "20260102T250405Z",
                           "20260102T03040-Z", "Fri, 02 Foo 2026 03:04:05 GMT", "x"}) {
    TestRequest request;
    request.set("x-amz-date", date)
        .set("authorization", authorization("AKIDEXAMPLE/20260102/us-east-1/kinesis/aws4_request"));
    EXPECT_TRUE(outcome(request).starts_with("IncompleteSignatureException: Date must be in ISO-8601 'basic format'."))
        << date;
  }
}

TEST(Authenticator, TheHostMustBeSigned) {
  EXPECT_EQ(outcome_of(authorization("AKIDEXAMPLE/20260102/us-east-1/kinesis/aws4_request", "hosts;x-amz-date")),
            "InvalidSignatureException: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
}

TEST(Authenticator, TheClockMayBeFiveMinutesOffEachWay) {
  TestRequest request;
  request.sign(vector_credential(), vector_time);
  EXPECT_EQ(outcome(request, vector_time + seconds(300)), "accepted");
  EXPECT_EQ(outcome(request, vector_time - seconds(300)), "accepted");
  EXPECT_EQ(outcome(request, vector_time + seconds(301)),
            "InvalidSignatureException: Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z "
            "(20260102T030906Z - 5 min.)");
  EXPECT_EQ(
      outcome(request, vector_time - seconds(301)),
      "InvalidSignatureException: Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z "
      "(20260102T025904Z + 5 min.)");
}

TEST(Authenticator, AllFailingPartsOfTheScopeAreNamedInOrder) {
  EXPECT_EQ(
      outcome_of(authorization("AKIDEXAMPLE/20260103/US!/dynamodb/aws3_request")),
      "InvalidSignatureException: Credential should be scoped to a valid region, not 'US!'. Credential should be "
      "scoped to correct service: 'kinesis'. Credential should be scoped with a valid terminator: 'aws4_request', "
      "not 'aws3_request'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
      "'20260103' != '20260102', from '20260102T030405Z'.");
  EXPECT_EQ(outcome_of(authorization("AKIDEXAMPLE/20260102/us-east-1/s3/aws4_request")),
            "InvalidSignatureException: Credential should be scoped to correct service: 'kinesis'.");
}

TEST(Authenticator, UnknownKeysComeAfterTheScopeAndBeforeTheSignature) {
  EXPECT_EQ(outcome_of(authorization("UNKNOWN/20260102/us-east-1/kinesis/aws4_request")),
            "UnrecognizedClientException: The security token included in the request is invalid.");
  EXPECT_EQ(outcome_of(authorization("AKIDEXAMPLE/20260102/us-east-1/kinesis/aws4_request")),
            "InvalidSignatureException: " + std::string(mismatch));
}

TEST(Authenticator, SignedHeadersMustRise) {
  for (const char* list : {"host;host", "x;host", "host;", ";host"}) {
    EXPECT_EQ(outcome_of(authorization("AKIDEXAMPLE/20260102/us-east-1/kinesis/aws4_request", list)),
              "InvalidSignatureException: " + std::string(mismatch))
        << list;
  }
}

TEST(Authenticator, AClaimedBodyHashMustBeTheBodys) {
  const auto with_claim = [](std::string claim) {
    TestRequest request;
    request.set("x-amz-content-sha256", std::move(claim)).sign(vector_credential(), vector_time);
    return outcome(request);
  };
  EXPECT_EQ(with_claim("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"), "accepted");
  for (const char* claim : {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "",
                            "54136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}) {
    EXPECT_EQ(with_claim(claim), "InvalidSignatureException: " + std::string(mismatch)) << claim;
  }
}

TEST(Authenticator, TemporaryCredentialsNeedTheirTokenAndExpire) {
  Authenticator authenticator(vector_credentials(R"([[credential]]
access_key_id = "ASIATEMPORARY"
secret_access_key = "secret"
account = "210987654321"
session_token = "the token"
expires = 2026-01-02T04:04:05+01:00
)"));
  Credential temporary{.access_key_id = "ASIATEMPORARY", .secret_access_key = "secret", .session_token = "the token"};
  constexpr WallTime before = vector_time - seconds(1);
  const std::string unknown = "UnrecognizedClientException: The security token included in the request is invalid.";
  TestRequest good;
  good.sign(temporary, before);
  EXPECT_EQ(outcome(authenticator, good, before), "accepted");
  EXPECT_EQ(outcome(authenticator, good, vector_time),
            "ExpiredTokenException: The security token included in the request is expired");
  TestRequest wrong;
  temporary.session_token = "another token";
  wrong.sign(temporary, before);
  EXPECT_EQ(outcome(authenticator, wrong, before), unknown);
  TestRequest none;
  temporary.session_token = "";
  none.sign(temporary, before);
  EXPECT_EQ(outcome(authenticator, none, before), unknown);
  // A key without a token ignores one that is sent.
  TestRequest superfluous;
  superfluous.set("x-amz-security-token", "x").sign(vector_credential(), before);
  EXPECT_EQ(outcome(authenticator, superfluous, before), "accepted");
}

TEST(Authenticator, ReplacedCredentialsTakeEffectAtOnce) {
  Authenticator authenticator(vector_credentials());
  TestRequest request;
  request.sign(vector_credential(), vector_time);
  EXPECT_EQ(outcome(authenticator, request), "accepted");
  EXPECT_EQ(authenticator.signing_key_count(), 1U);
  authenticator.replace(credentials_of(R"([[credential]]
access_key_id = "AKIDEXAMPLE"
secret_access_key = "changed"
account = "123456789012"
)"));
  EXPECT_EQ(outcome(authenticator, request), "InvalidSignatureException: " + std::string(mismatch));
  authenticator.replace(std::make_shared<const CredentialSet>(CredentialSet::well_known()));
  EXPECT_TRUE(outcome(authenticator, request).starts_with("UnrecognizedClientException"));
}

TEST(Authenticator, SigningKeysAreBoundedAndOnlyProvenOnesAreKept) {
  Authenticator authenticator(vector_credentials());
  for (std::size_t i = 0; i < Authenticator::signing_keys_max + 10; ++i) {
    TestRequest request;
    request.sign(vector_credential(), vector_time, fmt::format("region-{}", i));
    ASSERT_EQ(outcome(authenticator, request), "accepted");
    ASSERT_LE(authenticator.signing_key_count(), Authenticator::signing_keys_max);
  }
  const std::size_t kept = authenticator.signing_key_count();
  TestRequest forged;
  Credential credential = vector_credential();
  credential.secret_access_key = "guess";
  forged.sign(credential, vector_time, "region-forged");
  EXPECT_NE(outcome(authenticator, forged), "accepted");
  EXPECT_EQ(authenticator.signing_key_count(), kept);
}

TEST(Authenticator, AcceptAnyTakesTheAccountFromTheKey) {
  Authenticator authenticator(std::make_shared<const CredentialSet>(CredentialSet::well_known()),
                              Verification::accept_any);
  const auto identity_of = [&](std::string key) {
    TestRequest request;
    request.sign({.access_key_id = std::move(key), .secret_access_key = "any"}, vector_time, "eu-north-1");
    return authenticator.authenticate(request.http(), vector_time + hours(1000));
  };
  EXPECT_EQ(identity_of("111122223333")->account, "111122223333");
  EXPECT_EQ(identity_of("AKIAANY")->account, "000000000000");
  EXPECT_EQ(identity_of("AKIAANY")->region, "eu-north-1");
  TestRequest none;
  EXPECT_TRUE(outcome(authenticator, none).starts_with("MissingAuthenticationTokenException"));
}

}  // namespace
}  // namespace weir::frontend
