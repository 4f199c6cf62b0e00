// The way of a request through the front end: order of the checks, headers, and who may address what (API reference,
// sections 1.3, 1.6, 1.7 and 3.2).
#include <set>

#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

bool is_uuid(const std::string& text) {
  if (text.size() != 36 || text[14] != '4') return false;
  for (const std::size_t at : {8U, 13U, 18U, 23U}) {
    if (text[at] != '-') return false;
  }
  return text.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

TEST(FrontEndDispatch, EveryAnswerCarriesFreshRequestIds) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    std::set<std::string> ids;
    for (const std::uint32_t core : {0U, 1U}) {
      const Client client{.server = server, .core = core};
      std::vector<Reply> replies;
      replies.push_back(co_await client.call("ListStreams", {}));
      replies.push_back(co_await client.call("DescribeStream", {{"StreamName", "missing"}}));
      replies.push_back(co_await client.call("NoSuchOperation", {}));
      replies.push_back(co_await client.send(client.request("ListStreams", Map{}), false));
      for (const Reply& reply : replies) {
        EXPECT_TRUE(is_uuid(reply.header("x-amzn-RequestId"))) << reply.header("x-amzn-RequestId");
        EXPECT_EQ(reply.header("x-amz-id-2").size(), 96U);
        EXPECT_EQ(reply.header("Content-Type"), "application/x-amz-json-1.1");
        EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "");
        EXPECT_TRUE(ids.insert(reply.header("x-amzn-RequestId")).second);
        EXPECT_TRUE(ids.insert(reply.header("x-amz-id-2")).second);
      }
    }
  });
}

TEST(FrontEndDispatch, AnUnknownOperationIsToldBeforeAMissingSignature) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    EXPECT_EQ((co_await client.send(client.request("NoSuchOperation", Map{}), false)).error(),
              "UnknownOperationException: ");
    // In the model, and not built yet.
    EXPECT_EQ((co_await client.call("SubscribeToShard", {})).error(), "UnknownOperationException: ");
    const Reply unsigned_reply = co_await client.send(client.request("ListStreams", Map{}), false);
    EXPECT_EQ(unsigned_reply.error(), "MissingAuthenticationTokenException: Missing Authentication Token");
    EXPECT_EQ(unsigned_reply.status, 400);
  });
}

TEST(FrontEndDispatch, TheSignatureIsCheckedBeforeTheMembers) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    TestRequest request = client.request("PutRecord", Map{{"PartitionKey", 7}});
    EXPECT_EQ((co_await client.send(std::move(request), false)).code(), "MissingAuthenticationTokenException");
    EXPECT_EQ((co_await client.call("PutRecord", {{"PartitionKey", 7}})).error(),
              "SerializationException: class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be "
              "converted to an String");
    EXPECT_EQ((co_await client.call("PutRecord", {{"StreamName", "missing"}, {"Data", Blob{""}}})).error(),
              "ValidationException: 1 validation error detected: Value null at 'partitionKey' failed to satisfy "
              "constraint: Member must not be null");
    const Client stranger{.server = server, .account_id = "222222222222"};
    EXPECT_EQ((co_await stranger.call("ListStreams", {})).error(),
              "UnrecognizedClientException: The security token included in the request is invalid.");
  });
}

TEST(FrontEndDispatch, AMethodOtherThanPostIsForbiddenInXml) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    const Reply reply = co_await client.send(client.request("ListStreams", Map{}).method("GET"));
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(reply.raw,
              "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be "
              "authorized</Message>\n</AccessDeniedException>\n");
    EXPECT_EQ(reply.header("Content-Type"), "");
    EXPECT_NE(reply.header("x-amz-id-2"), "");
  });
}

TEST(FrontEndDispatch, APreflightIsAnsweredWithoutASignatureAndWithoutTheSecondId) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    TestRequest request("");
    request.method("OPTIONS").remove("content-type").remove("x-amz-target").set("origin", "https://example.org");
    request.set("access-control-request-headers", "x-amz-target,authorization");
    request.set("access-control-request-method", "POST");
    const Reply reply = co_await client.send(std::move(request), false);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.raw, "");
    EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(reply.header("Access-Control-Allow-Headers"), "x-amz-target,authorization");
    EXPECT_EQ(reply.header("Access-Control-Allow-Methods"), "POST");
    EXPECT_EQ(reply.header("Access-Control-Max-Age"), "172800");
    EXPECT_EQ(reply.header("x-amz-id-2"), "");
    EXPECT_EQ(reply.header("Content-Type"), "");
    EXPECT_TRUE(is_uuid(reply.header("x-amzn-RequestId")));
  });
}

TEST(FrontEndDispatch, ABrowserSeesTheHeadersItMayRead) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    const Reply reply = co_await client.send(client.request("ListStreams", Map{}).set("origin", "https://example.org"));
    EXPECT_EQ(reply.error(), "");
    EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(reply.header("Access-Control-Expose-Headers"),
              "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date");
    EXPECT_EQ(reply.header("Access-Control-Max-Age"), "");
  });
}

class FrontEndEncoding : public testing::TestWithParam<kinesis::Encoding> {};
INSTANTIATE_TEST_SUITE_P(Both, FrontEndEncoding, testing::Values(kinesis::Encoding::json, kinesis::Encoding::cbor),
                         [](const auto& info) { return info.param == kinesis::Encoding::json ? "json" : "cbor"; });

TEST_P(FrontEndEncoding, OperationsWithoutOutputAnswerAnEmptyBodyInTheRequestsContentType) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    const std::vector<std::pair<std::string, Map>> calls = {
        {"CreateStream", {{"StreamName", "s"}, {"ShardCount", 2}}},
        {"AddTagsToStream", {{"StreamName", "s"}, {"Tags", Map{{"a", "b"}}}}},
        {"RemoveTagsFromStream", {{"StreamName", "s"}, {"TagKeys", List{"a"}}}},
        {"IncreaseStreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", 48}}},
        {"DecreaseStreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", 24}}},
        {"MergeShards",
         {{"StreamName", "s"}, {"ShardToMerge", shard_name(0)}, {"AdjacentShardToMerge", shard_name(1)}}},
        {"SplitShard", {{"StreamName", "s"}, {"ShardToSplit", shard_name(2)}, {"NewStartingHashKey", "1000"}}},
        {"DeleteStream", {{"StreamName", "s"}}}};
    for (const auto& [operation, input] : calls) {
      const Reply reply = co_await client.call(operation, input);
      EXPECT_EQ(reply.error(), "") << operation;
      EXPECT_EQ(reply.raw, "") << operation;
      EXPECT_EQ(reply.header("Content-Type"), kinesis::content_type(encoding)) << operation;
      co_await server.settle("s");
    }
    EXPECT_EQ(server.find("s"), nullptr);
  });
}

TEST_P(FrontEndEncoding, ErrorsComeInTheRequestsEncoding) {
  run_server({}, [encoding = GetParam()](TestServer& server) -> env::Task<void> {
    const Client client{.server = server, .encoding = encoding};
    const Reply reply = co_await client.call("DescribeStream", {{"StreamName", "missing"}});
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(reply.header("Content-Type"), kinesis::content_type(encoding));
    EXPECT_EQ(reply.error(), "ResourceNotFoundException: Stream missing under account 000000000000 not found.");
    EXPECT_EQ(reply.body.size(), 2U);
  });
}

TEST(FrontEndMetrics, CountRequestsByOutcomeAndRecordsBothWays) {
  run_server({.enforce_rates = true}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.put("s", "four");
    EXPECT_EQ((co_await client.read_all("s", shard_name(0))).size(), 1U);
    for (const std::string operation : {"DescribeLimits", "DescribeLimits", "NoSuchOperation"}) {
      static_cast<void>(co_await client.call(operation, {}));
    }
    static_cast<void>(co_await client.call("PutRecord", {}));
    static_cast<void>(co_await client.send(client.request("ListStreams", Map{}), false));
    const FrontEndMetrics& metrics = server.metrics();
    const auto& limits = metrics.operations[static_cast<std::size_t>(kinesis::Operation::describe_limits)];
    EXPECT_EQ(limits.answered->value(), 1U);
    EXPECT_EQ(limits.throttled->value(), 1U);
    const auto& put = metrics.operations[static_cast<std::size_t>(kinesis::Operation::put_record)];
    EXPECT_EQ(put.answered->value(), 1U);
    EXPECT_EQ(put.client_errors->value(), 1U);
    EXPECT_EQ(put.server_errors->value(), 0U);
    EXPECT_EQ(metrics.unknown_operations.value(), 1U);
    EXPECT_EQ(metrics.authentication_failures.value(), 1U);
    EXPECT_EQ(metrics.records_in.value(), 1U);
    EXPECT_EQ(metrics.record_bytes_in.value(), 8U) << "data and key";
    EXPECT_EQ(metrics.records_out.value(), 1U);
    EXPECT_EQ(metrics.record_bytes_out.value(), 8U);
  });
}

TEST(FrontEndAddressing, AStreamIsFoundByNameByArnAndByBoth) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const std::string arn = stream_arn("s");
    for (const Map& address :
         {Map{{"StreamName", "s"}}, Map{{"StreamARN", arn}}, Map{{"StreamName", "s"}, {"StreamARN", arn}}}) {
      for (const std::string operation :
           {"DescribeStream", "DescribeStreamSummary", "ListShards", "ListTagsForStream"}) {
        EXPECT_EQ((co_await client.call(operation, address)).error(), "") << operation;
      }
      Map put = address;
      put.insert(put.end(), {{"PartitionKey", "k"}, {"Data", Blob{"d"}}});
      EXPECT_EQ((co_await client.call("PutRecord", put)).error(), "");
      Map find = address;
      find.insert(find.end(), {{"ShardId", "shardId-000000000000"}, {"ShardIteratorType", "LATEST"}});
      EXPECT_EQ((co_await client.call("GetShardIterator", find)).error(), "");
    }
  });
}

TEST(FrontEndAddressing, NoAddressAndTwoThatDisagreeAreRefused) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    for (const std::string operation :
         {"DescribeStream", "DescribeStreamSummary", "DeleteStream", "ListTagsForStream"}) {
      EXPECT_EQ((co_await client.call(operation, {})).error(),
                "InvalidArgumentException: Either StreamName or StreamARN must be provided.");
      EXPECT_EQ((co_await client.call(operation, {{"StreamName", "t"}, {"StreamARN", stream_arn("s")}})).error(),
                "InvalidArgumentException: StreamName t does not match StreamARN " + stream_arn("s") + ".");
    }
    EXPECT_NE(server.find("s"), nullptr);
  });
}

TEST(FrontEndAddressing, AnArnOfAnotherAccountIsDeniedAndOfAnotherRegionNotFound) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    const Client other{.server = server, .account_id = std::string(other_account)};
    co_await other.create("s", 1);
    const Reply denied = co_await client.call("DescribeStream", {{"StreamARN", stream_arn("s", other_account)}});
    EXPECT_EQ(denied.error(),
              "AccessDeniedException: User: arn:aws:iam::000000000000:user/000000000000 is not authorized to perform: "
              "kinesis:DescribeStream on resource: " +
                  stream_arn("s", other_account) +
                  " because no identity-based policy allows the kinesis:DescribeStream action");
    EXPECT_EQ(denied.status, 400);
    const Reply elsewhere =
        co_await other.call("DescribeStream", {{"StreamARN", stream_arn("s", other_account, "eu-west-1")}});
    EXPECT_EQ(elsewhere.error(), "ResourceNotFoundException: Stream s under account 111111111111 not found.");
  });
}

// Fits the model's pattern, whose middle may hold anything.
TEST(FrontEndAddressing, AnArnOfAnotherPartitionOrOfSomethingElseIsNotFound) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    for (const std::string arn : {"arn:aws-cn:kinesis:us-east-1:000000000000:stream/s",
                                  "arn:aws:kinesis:us-east-1:extra:000000000000:stream/s"}) {
      EXPECT_EQ((co_await client.call("DescribeStream", {{"StreamARN", arn}})).code(), "ResourceNotFoundException")
          << arn;
    }
  });
}

TEST(FrontEndAddressing, AccountsAndRegionsAreSeparateNameSpaces) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client here{.server = server};
    const Client elsewhere{.server = server, .core = 1, .region = "eu-west-1"};
    const Client stranger{.server = server, .account_id = std::string(other_account)};
    co_await here.create("s", 1);
    for (const Client& other : {elsewhere, stranger}) {
      EXPECT_EQ((co_await other.call("DescribeStream", {{"StreamName", "s"}})).code(), "ResourceNotFoundException");
      EXPECT_TRUE((co_await other.expect("ListStreams", {}))["StreamNames"].items().empty());
      co_await other.create("s", 2);
    }
    co_await here.put("s", "mine");
    EXPECT_EQ((co_await here.read_all("s", shard_name(0))), std::vector<std::string>{"mine"});
    for (const Client& other : {elsewhere, stranger}) {
      EXPECT_TRUE((co_await other.read_all("s", shard_name(0))).empty());
      EXPECT_TRUE((co_await other.read_all("s", shard_name(1))).empty());
      const WireValue summary = co_await other.expect("DescribeStreamSummary", {{"StreamName", "s"}});
      EXPECT_EQ(summary["StreamDescriptionSummary"]["StreamARN"].text(),
                stream_arn("s", other.account_id, other.region));
      EXPECT_EQ(summary["StreamDescriptionSummary"]["OpenShardCount"].integer(), 2);
    }
    // An iterator serves only those whose stream it is.
    const std::string iterator = co_await here.iterator("s", shard_name(0), "TRIM_HORIZON");
    EXPECT_EQ((co_await stranger.call("GetRecords", {{"ShardIterator", iterator}})).error(),
              "InvalidArgumentException: Invalid ShardIterator.");
    EXPECT_EQ((co_await here.expect("GetRecords", {{"ShardIterator", iterator}}))["Records"].size(), 1U);
  });
}

}  // namespace
}  // namespace weir::frontend::test
