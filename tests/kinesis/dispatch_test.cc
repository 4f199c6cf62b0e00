#include "kinesis/dispatch.h"

#include "gtest/gtest.h"
#include "tests/kinesis/body.h"

namespace weir::kinesis {
namespace {

constexpr std::string_view json_type = "application/x-amz-json-1.1";
constexpr std::string_view cbor_type = "application/x-amz-cbor-1.1";
constexpr std::string_view known = "Kinesis_20131202.ListStreams";

RequestHead post(std::optional<std::string_view> type, std::optional<std::string_view> target) {
  return {.method = "POST", .target = target, .content_type = type};
}

Decision decide(const RequestHead& head, std::string_view text) {
  Body body(text);
  return dispatch(head, body.bytes());
}

void expect_answer(const Decision& decision, int status, std::string_view type, std::string_view body) {
  ASSERT_TRUE(decision.answer.has_value());
  EXPECT_EQ(decision.answer->status, status);
  EXPECT_EQ(decision.answer->content_type.value_or(""), type);
  EXPECT_EQ(decision.answer->body, body);
}

TEST(Dispatch, AKnownOperationGoesOnToAuthentication) {
  const Decision json = decide(post(" Application/X-Amz-Json-1.1 ; charset=utf-8", known), "{}");
  EXPECT_FALSE(json.answer.has_value());
  EXPECT_FALSE(json.answer_when_authenticated.has_value());
  EXPECT_EQ(json.operation, Operation::list_streams);
  EXPECT_EQ(json.encoding, Encoding::json);
  EXPECT_EQ(json.error_form, ErrorForm::json);
  const Decision cbor = decide(post(cbor_type, known), "not looked at here");
  EXPECT_FALSE(cbor.answer.has_value());
  EXPECT_EQ(cbor.encoding, Encoding::cbor);
}

TEST(Dispatch, CorsPreflightIsAnsweredFirst) {
  const RequestHead head{
      .method = "OPTIONS", .origin = "http://x", .request_headers = "a, b", .request_method = "POST"};
  const Decision decision = decide(head, "");
  expect_answer(decision, 200, "", "");
  EXPECT_TRUE(decision.answer->is_preflight);
  const std::vector<std::pair<std::string_view, std::string>> expected{{"Access-Control-Allow-Origin", "*"},
                                                                       {"Access-Control-Allow-Headers", "a, b"},
                                                                       {"Access-Control-Allow-Methods", "POST"},
                                                                       {"Access-Control-Max-Age", "172800"}};
  EXPECT_EQ(cors_headers(head), expected);
}

TEST(Dispatch, CorsHeadersOfOtherRequests) {
  EXPECT_TRUE(cors_headers(post(json_type, known)).empty());
  RequestHead head = post(json_type, known);
  head.origin = "http://x";
  const auto headers = cors_headers(head);
  ASSERT_EQ(headers.size(), 2U);
  EXPECT_EQ(headers[1].second,
            "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date");
}

TEST(Dispatch, OtherMethodsAreRefusedAfterAuthenticationAsXml) {
  for (const char* method : {"GET", "PUT", "DELETE", "HEAD", "OPTIONS"}) {
    RequestHead head = post(json_type, known);
    head.method = method;
    const Decision decision = decide(head, "{}");
    EXPECT_FALSE(decision.answer.has_value());
    ASSERT_TRUE(decision.answer_when_authenticated.has_value());
    EXPECT_EQ(decision.answer_when_authenticated->status, 403);
    EXPECT_EQ(
        decision.answer_when_authenticated->body,
        "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n"
        "</AccessDeniedException>\n");
    EXPECT_EQ(decision.error_form, ErrorForm::xml);
  }
}

TEST(Dispatch, EmptyBodies) {
  expect_answer(decide(post(json_type, known), ""), 400, json_type, R"({"__type":"SerializationException"})");
  expect_answer(decide(post(json_type, "x"), ""), 400, json_type, R"({"__type":"UnknownOperationException"})");
  const std::string cbor = from_hex("bf 66 5f5f74797065 76") + "SerializationException" + from_hex("ff");
  expect_answer(decide(post(cbor_type, known), ""), 400, cbor_type, cbor);
  expect_answer(decide(post(std::nullopt, known), ""), 400, cbor_type, cbor);
}

TEST(Dispatch, OtherContentTypes) {
  expect_answer(decide(post("text/plain", known), "{}"), 404, "", "<UnknownOperationException/>\n");
  expect_answer(decide(post(std::nullopt, "a.b"), "{}"), 404, "", "<UnknownOperationException/>\n");
  for (const std::optional<std::string_view> target : {std::optional<std::string_view>(), {"a"}, {"a."}}) {
    const Decision decision = decide(post("text/plain", target), "{}");
    EXPECT_FALSE(decision.answer.has_value());
    ASSERT_TRUE(decision.answer_when_authenticated.has_value());
    EXPECT_EQ(decision.answer_when_authenticated->status, 403);
  }
}

TEST(Dispatch, PlainJsonNeverGoesFurther) {
  expect_answer(decide(post("application/json", known), "{}"), 404, "application/json",
                R"({"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"})");
  for (const char* body : {"{", "[]", "true"}) {
    expect_answer(decide(post("application/json", known), body), 400, "application/json",
                  R"({"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"})");
  }
}

TEST(Dispatch, UnknownOperationsAreAnsweredBeforeAuthenticationButAfterAMalformedBody) {
  for (const char* target : {"Kinesis_20131202.Nope", "Kinesis_20131202.liststreams", "Kinesis_20121202.ListStreams",
                             "ListStreams", "Kinesis_20131202.", "", "Kinesis_20131202.ListStreams.x"}) {
    expect_answer(decide(post(json_type, target), "{}"), 400, json_type, R"({"__type":"UnknownOperationException"})");
    expect_answer(decide(post(json_type, target), "{]"), 400, json_type, R"({"__type":"SerializationException"})");
  }
  expect_answer(decide(post(json_type, std::nullopt), "{}"), 400, json_type,
                R"({"__type":"UnknownOperationException"})");
  // Known to the API, not built here.
  expect_answer(decide(post(json_type, "Kinesis_20131202.PutResourcePolicy"), "{}"), 400, json_type,
                R"({"__type":"UnknownOperationException"})");
}

TEST(Dispatch, AMalformedBodyComesBeforeAFailedAuthentication) {
  const Decision decision = decide(post(json_type, known), "{}");
  Body good("{}");
  Body bad("{");
  EXPECT_EQ(refusal(decision, good.bytes(), errors::missing_authentication_token()).body,
            R"({"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"})");
  EXPECT_EQ(refusal(decision, bad.bytes(), errors::missing_authentication_token()).body,
            R"({"__type":"SerializationException"})");
  RequestHead get = post(json_type, known);
  get.method = "GET";
  const Answer xml = refusal(decide(get, ""), bad.bytes(), errors::missing_authentication_token());
  EXPECT_EQ(xml.status, 403);
  EXPECT_FALSE(xml.content_type.has_value());
}

TEST(Operations, EveryBuiltOperationIsFoundByItsTarget) {
  int built = 0;
  for (const OperationInfo& operation : all_operations()) {
    const auto found = parse_target("Kinesis_20131202." + std::string(operation.name));
    EXPECT_EQ(found.has_value(), operation.is_built) << operation.name;
    if (operation.is_built) {
      EXPECT_EQ(*found, operation.operation);
      EXPECT_EQ(info(operation.operation).name, operation.name);
      ++built;
    }
  }
  EXPECT_EQ(built, 18);
}

}  // namespace
}  // namespace weir::kinesis
