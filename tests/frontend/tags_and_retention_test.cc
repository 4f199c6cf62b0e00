// Tags and retention (API reference, section 3.4).
#include "gtest/gtest.h"
#include "tests/frontend/fixture.h"

namespace weir::frontend::test {
namespace {

constexpr std::string_view invalid_characters =
    "InvalidArgumentException: Some tags contain invalid characters. Valid characters: Unicode letters, digits, white "
    "space, _ . / = + - % @.";

std::string illegal_characters(std::string_view doing) {
  return "InvalidArgumentException: Failed to " + std::string(doing) +
         " stream s under account 000000000000 because some tags contained illegal characters. The allowed characters "
         "are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.";
}

env::Task<Reply> add(Client client, Map tags) {
  co_return co_await client.call("AddTagsToStream", {{"StreamName", "s"}, {"Tags", std::move(tags)}});
}

env::Task<Reply> remove(Client client, List keys) {
  co_return co_await client.call("RemoveTagsFromStream", {{"StreamName", "s"}, {"TagKeys", std::move(keys)}});
}

env::Task<std::string> tags_of(Client client) {
  co_return (co_await client.expect("ListTagsForStream", {{"StreamName", "s"}}))["Tags"].to_json();
}

Map numbered_tags(int first, int count) {
  Map tags;
  for (int i = first; i < first + count; ++i) tags.emplace_back("key" + std::to_string(i), "v");
  return tags;
}

TEST(Tags, AreAddedOverwrittenAndRemoved) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    EXPECT_EQ(co_await tags_of(client), "[]");
    EXPECT_EQ((co_await add(client, {{"a", "1"}, {"b", "2"}})).error(), "");
    EXPECT_EQ((co_await add({.server = server, .core = 1}, {{"b", "3"}, {"c", ""}})).error(), "");
    EXPECT_EQ(co_await tags_of(client), R"([{"Key":"a","Value":"1"},{"Key":"b","Value":"3"},{"Key":"c","Value":""}])");
    EXPECT_EQ((co_await remove(client, {"a", "never-there"})).error(), "");
    EXPECT_EQ(co_await tags_of(client), R"([{"Key":"b","Value":"3"},{"Key":"c","Value":""}])");
  });
}

TEST(Tags, TakeLettersOfAnyScriptDigitsBlanksAndSomeSigns) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    EXPECT_EQ((co_await add(client, {{"Größe 1_./=+-@:", "日本 _./=+-@:"}})).error(), "");
    for (const std::string wrong : {"a\tb", "a\nb", "a,b", "a;b", "a*b", "a\"b"}) {
      EXPECT_EQ((co_await add(client, {{"k", wrong}})).error(), invalid_characters) << wrong;
      EXPECT_EQ((co_await add(client, {{wrong, "v"}})).error(), invalid_characters) << wrong;
      EXPECT_EQ((co_await remove(client, {wrong})).error(), invalid_characters) << wrong;
    }
    EXPECT_EQ((co_await add(client, {{"a%", "v"}})).error(), illegal_characters("add tags to"));
    EXPECT_EQ((co_await remove(client, {"a%"})).error(), illegal_characters("remove tags from"));
    // The worse fault is told, wherever it is.
    EXPECT_EQ((co_await add(client, {{"a%", "v"}, {"z;", "v"}})).error(), invalid_characters);
    EXPECT_EQ((co_await add(client, {{"aws:mine", "v"}})).code(), "InvalidArgumentException");
    EXPECT_EQ((co_await client.expect("ListTagsForStream", {{"StreamName", "s"}}))["Tags"].size(), 1U);
  });
}

TEST(Tags, AStreamHasAtMostFifty) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const std::string too_many =
        "InvalidArgumentException: Failed to add tags to stream s under account 000000000000 because a given stream "
        "cannot have more than 50 tags associated with it.";
    EXPECT_EQ((co_await add(client, numbered_tags(0, 51))).error(), too_many);
    EXPECT_EQ((co_await add(client, numbered_tags(0, 200))).error(), too_many);
    EXPECT_EQ((co_await add(client, numbered_tags(0, 201))).code(), "ValidationException");
    EXPECT_EQ((co_await add(client, numbered_tags(0, 49))).error(), "");
    EXPECT_EQ((co_await add(client, numbered_tags(48, 3))).error(), too_many);
    EXPECT_EQ((co_await add(client, numbered_tags(0, 50))).error(), "") << "only one of them is new";
    // Existence, then characters, then count.
    Map tags = numbered_tags(100, 60);
    tags.emplace_back("a;", "v");
    EXPECT_EQ((co_await add(client, tags)).error(), invalid_characters);
    EXPECT_EQ((co_await client.call("AddTagsToStream", {{"StreamName", "missing"}, {"Tags", tags}})).code(),
              "ResourceNotFoundException");
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "t"}, {"Tags", numbered_tags(0, 51)}})).code(),
              "InvalidArgumentException");
    EXPECT_EQ((co_await client.call("CreateStream", {{"StreamName", "t"}, {"Tags", Map{{"a;", "v"}}}})).error(),
              invalid_characters);
  });
}

TEST(Retention, MovesBetweenOneDayAndOneYear) {
  run_server({}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    const auto set = [](const Client& by, std::string operation, std::int64_t hours) -> env::Task<std::string> {
      const Reply reply =
          co_await by.call(operation + "StreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", hours}});
      co_await by.server.settle("s");
      co_return reply.error();
    };
    const auto period = [](const Client& by) -> env::Task<std::int64_t> {
      const WireValue answer = co_await by.expect("DescribeStreamSummary", {{"StreamName", "s"}});
      co_return answer["StreamDescriptionSummary"]["RetentionPeriodHours"].integer();
    };
    const std::string error = "InvalidArgumentException: ";
    EXPECT_EQ(co_await set(client, "Increase", 24), "") << "equal";
    EXPECT_EQ(co_await set(client, "Increase", 48), "");
    EXPECT_EQ(co_await period(client), 48);
    EXPECT_EQ(co_await set(client, "Increase", 47),
              error +
                  "Requested retention period (47 hours) for stream s can not be shorter than existing retention "
                  "period (48 hours). Use DecreaseRetentionPeriod API.");
    EXPECT_EQ(co_await set(client, "Increase", 8'761),
              error +
                  "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too "
                  "long.");
    EXPECT_EQ(co_await set(client, "Increase", 8'760), "");
    EXPECT_EQ(co_await set(client, "Decrease", 8'761),
              error +
                  "Requested retention period (8761 hours) for stream s can not be longer than existing retention "
                  "period (8760 hours). Use IncreaseRetentionPeriod API.");
    EXPECT_EQ(co_await set(client, "Decrease", 8'760), "") << "equal";
    for (const std::string operation : {"Increase", "Decrease"}) {
      for (const std::int64_t hours : {23, 0, -5}) {
        EXPECT_EQ(co_await set(client, operation, hours),
                  error + "Minimum allowed retention period is 24 hours. Requested retention period (" +
                      std::to_string(hours) + " hours) is too short.");
      }
    }
    EXPECT_EQ(co_await set(client, "Decrease", 24), "");
    EXPECT_EQ(co_await period(client), 24);
  });
}

TEST(Retention, AChangeTakesTheStreamThroughUpdating) {
  run_server({.settings = {"directory.update_time=10s"}}, [](TestServer& server) -> env::Task<void> {
    const Client client{.server = server};
    co_await client.create("s", 1);
    co_await client.expect("IncreaseStreamRetentionPeriod", {{"StreamName", "s"}, {"RetentionPeriodHours", 48}});
    const WireValue answer = co_await client.expect("DescribeStream", {{"StreamName", "s"}});
    EXPECT_EQ(answer["StreamDescription"]["StreamStatus"].text(), "UPDATING");
    co_await server.settle("s");
    EXPECT_EQ(server.find("s")->retention_hours, 48U);
  });
}

}  // namespace
}  // namespace weir::frontend::test
