// EtcdMetastore against a server that answers wrongly, late, in pieces or not at all.
#include <gtest/gtest.h>

#include "metastore/etcd_metastore.h"
#include "net/client.h"
#include "tests/metastore/scripted_etcd.h"
#include "tests/support/simulation_test.h"

namespace weir::metastore::test {
namespace {

using weir::test::must;
using weir::test::run_simulation;

constexpr Revision start_revision = 10;

// Answers of a healthy etcd, for a test to replace some of them.
EtcdScript healthy() {
  return {.range = [](Connection& connection, std::string) -> Task<void> {
            co_await send_raw(connection, http_response("200 OK", "{" + header_json(start_revision) + "}"));
          },
          .transaction = [](Connection& connection, std::string) -> Task<void> {
            const std::string body = "{" + header_json(start_revision + 1) + R"(,"succeeded":true})";
            co_await send_raw(connection, http_response("200 OK", body));
          },
          .watch = [](Connection& connection, std::string) -> Task<void> {
            co_await send_raw(connection, stream_head + chunk(created_json(start_revision)));
          }};
}

// Opens a store on a server with `script` and runs `body` on it.
void with_store(const EtcdScript& script, std::function<Task<void>(Core&, Metastore&)> body, std::uint64_t seed = 1) {
  run_simulation(seed, [&script, &body](Core& core) -> Task<void> {
    ScriptedEtcd server(core, script);
    co_await server.start();
    const auto store = must(co_await open_etcd_metastore(core, {.endpoints = {server.endpoint()}, .prefix = "p/"}));
    co_await body(core, *store);
    co_await store->close();
    co_await server.stop();
  });
}

std::vector<Write> put(std::string key, std::string value) {
  std::vector<Write> writes;
  writes.push_back({std::move(key), std::move(value)});
  return writes;
}

// What a store makes of `body` as the answer to its second question.
ErrorCode error_of_read(const std::string& status, const std::string& body) {
  EtcdScript script = healthy();
  int questions = 0;
  script.range = [&](Connection& connection, std::string) -> Task<void> {
    const std::string first = http_response("200 OK", "{" + header_json(start_revision) + "}");
    co_await send_raw(connection, ++questions == 1 ? first : http_response(status, body));
  };
  ErrorCode code = ErrorCode::internal;
  with_store(script, [&code](Core&, Metastore& store) -> Task<void> {
    const auto snapshot = co_await store.read("");
    EXPECT_FALSE(snapshot.has_value());
    if (!snapshot) code = snapshot.error().code;
  });
  return code;
}

TEST(EtcdProtocol, AnAnswerThatCannotBeRightIsCorruptNotBelieved) {
  const std::string header = "{" + header_json(start_revision);
  const std::vector<std::string> answers = {
      "",
      "{",
      "[]",
      "null",
      "{}",
      R"({"header":7})",
      R"({"header":{"cluster_id":"7"}})",
      R"({"header":{"cluster_id":"7","revision":"99999999999999999999999"}})",
      R"({"header":{"cluster_id":"7","revision":99999999999999999999999}})",
      R"({"header":{"cluster_id":"7","revision":"-1"}})",
      R"({"header":{"cluster_id":"7","revision":"1e3"}})",
      R"({"header":{"cluster_id":"7","revision":1.5}})",
      R"({"header":{"cluster_id":"7","revision":true}})",
      header + R"(,"kvs":7})",
      header + R"(,"kvs":[7]})",
      header + R"(,"kvs":[{}]})",
      header + R"(,"more":"yes"})",
      header + R"(,"kvs":[{"key":"cC9h","mod_revision":"3","value":"not base64"}]})",
      header + R"(,"kvs":[{"key":"cC9h","mod_revision":"3","value":"YQ="}]})",
      header + R"(,"kvs":[{"key":"cC9h","mod_revision":"3","value":7}]})",
      header + R"(,"kvs":[{"key":"cC9h","value":"YQ=="}]})",
      header + R"(,"kvs":[)" + entry_json("q/a", "not under the prefix", 3) + "]}",
      header + R"(,"kvs":[)" + entry_json("p/b", "", 3) + "," + entry_json("p/a", "out of order", 3) + "]}",
      header + "}" + header + "}",
      header + ",\"kvs\":[" + std::string(2000, '[') + std::string(2000, ']') + "]}",
      "{" + header_json(start_revision - 1) + "}",
      "{" + header_json(start_revision, 8) + "}",
  };
  for (const std::string& answer : answers) {
    EXPECT_EQ(error_of_read("200 OK", answer), ErrorCode::corrupt) << answer.substr(0, 300);
  }
}

TEST(EtcdProtocol, EveryCutOfAnAnswerIsRefused) {
  const std::string whole = "{" + header_json(start_revision) + R"(,"kvs":[)" + entry_json("p/a", "value", 3) + "]}";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(error_of_read("200 OK", whole.substr(0, length)), ErrorCode::corrupt) << length;
  }
}

TEST(EtcdProtocol, RefusalsSayWhatTheyMean) {
  const auto refusal = [](int code, const std::string& message) {
    return R"({"error":")" + message + R"(","message":")" + message + R"(","code":)" + std::to_string(code) + "}";
  };
  const std::string unavailable = "503 Service Unavailable";
  EXPECT_EQ(error_of_read(unavailable, refusal(14, "etcdserver: no leader")), ErrorCode::unavailable);
  EXPECT_EQ(error_of_read(unavailable, "upstream is down"), ErrorCode::unavailable);
  EXPECT_EQ(error_of_read("400 Bad Request", refusal(3, "etcdserver: user name is empty")), ErrorCode::io);
  EXPECT_EQ(error_of_read("404 Not Found", "Not Found"), ErrorCode::io);
  // Again and again compacted away.
  EXPECT_EQ(error_of_read("400 Bad Request", refusal(11, "etcdserver: mvcc: required revision has been compacted")),
            ErrorCode::unavailable);
}

TEST(EtcdProtocol, ACommitWhoseAnswerIsLostOrMangledIsUnavailableAndNotSentAgain) {
  const std::string good = http_response("200 OK", "{" + header_json(start_revision + 1) + R"(,"succeeded":true})");
  std::vector<std::string> answers = {
      http_response("200 OK", "{}"),
      http_response("200 OK", R"({"succeeded":true})"),
      http_response("200 OK", "{" + header_json(start_revision - 1) + "}"),
      http_response("200 OK", "{" + header_json(start_revision + 1, 8) + R"(,"succeeded":true})"),
      http_response("503 Service Unavailable", R"({"message":"etcdserver: request timed out","code":14})"),
      http_response("429 Too Many Requests", R"({"message":"etcdserver: mvcc: database space exceeded","code":8})"),
      "SSH-2.0-OpenSSH_9.2\r\n\r\n",
  };
  for (std::size_t length = 0; length < good.size(); length += 7) answers.push_back(good.substr(0, length));
  for (const std::string& answer : answers) {
    EtcdScript script = healthy();
    int received = 0;
    script.transaction = [&](Connection& connection, std::string) -> Task<void> {
      ++received;
      co_await send_raw(connection, answer);
      connection.close();
    };
    with_store(script, [](Core&, Metastore& store) -> Task<void> {
      const auto committed = co_await store.commit({}, put("a", "1"));
      EXPECT_FALSE(committed.has_value());
      if (!committed) EXPECT_EQ(committed.error().code, ErrorCode::unavailable);
    });
    EXPECT_EQ(received, 1) << answer;
  }
}

TEST(EtcdProtocol, ACommitWithoutAnAnswerEndsWithItsTime) {
  EtcdScript script = healthy();
  script.transaction = [](Connection&, std::string) -> Task<void> { co_return; };
  with_store(script, [](Core& core, Metastore& store) -> Task<void> {
    const MonotonicTime before = core.now();
    const auto committed = co_await store.commit({}, put("a", "1"));
    EXPECT_EQ(committed.error().code, ErrorCode::unavailable);
    EXPECT_LE(core.now() - before, seconds(6));
  });
}

TEST(EtcdProtocol, OnlyEtcdsOwnNoIsAConflict) {
  EtcdScript script = healthy();
  script.transaction = [](Connection& connection, std::string) -> Task<void> {
    co_await send_raw(connection, http_response("200 OK", "{" + header_json(start_revision) + "}"));
  };
  with_store(script, [](Core&, Metastore& store) -> Task<void> {
    EXPECT_EQ((co_await store.commit({{"a", 3}}, put("a", "1"))).error().code, ErrorCode::conflict);
  });
}

TEST(EtcdProtocol, AnEndpointThatDoesNotServeIsLeftForOneThatDoes) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {  // it begins with another one each time
    int asked = 0;
    EtcdScript deaf = healthy();
    deaf.range = [&asked](Connection&, std::string) -> Task<void> {
      ++asked;
      co_return;
    };
    const EtcdScript good = healthy();
    run_simulation(seed, [&](Core& core) -> Task<void> {
      ScriptedEtcd deaf_server(core, deaf);
      ScriptedEtcd good_server(core, good);
      co_await deaf_server.start();
      co_await good_server.start();
      const env::Endpoint nobody{"127.0.0.1", 9};
      const auto store = must(co_await open_etcd_metastore(
          core, {.endpoints = {nobody, deaf_server.endpoint(), good_server.endpoint()}, .prefix = "p/"}));
      for (int i = 0; i < 5; ++i) EXPECT_TRUE((co_await store->read("")).has_value());
      for (int i = 0; i < 5; ++i) EXPECT_TRUE((co_await store->commit({}, put("a", "1"))).has_value());
      EXPECT_LE(asked, 1);
      co_await store->close();
      co_await deaf_server.stop();
      co_await good_server.stop();
    });
  }
}

// An etcd with changes 11 to 14, that shows each watch what it asks for.
struct History {
  std::vector<std::vector<std::string>> entries{
      {entry_json("p/a", "1", 11)},
      {entry_json("p/a", "2", 12), entry_json("p/b", "2", 12), entry_json("p/c", "2", 12)},
      {entry_json("p/a", "3", 13)},
      {entry_json("p/b", "4", 14)}};
  Revision newest = 14;

  // The messages to a watch from `first` on. Revision 12 comes in two.
  [[nodiscard]] std::string stream_from(Revision first) const {
    std::string text = stream_head + chunk(created_json(newest));
    if (first <= 11) text += chunk(events_json(newest, entries[0]));
    if (first <= 12) {
      text += chunk(events_json(newest, {entries[1][0], entries[1][1]}, true));
      text += chunk(events_json(newest, {entries[1][2]}));
    }
    if (first <= 13) text += chunk(events_json(newest, {entries[2][0], entries[3][0]}));
    return text;
  }
  static Revision first_of(const std::string& body) {
    const std::string member = R"("start_revision":")";
    return std::stoull(body.substr(body.find(member) + member.size()));
  }
};

Task<void> collect(Metastore& store, Revision until, std::vector<std::string>& seen) {
  Revision after = start_revision;
  while (after < until) {
    auto changes = co_await store.watch("", after);
    EXPECT_TRUE(changes.has_value());
    if (!changes) co_return;
    for (const Change& change : *changes) {
      seen.push_back(change.key + "=" + change.value.value_or("removed") + "@" + std::to_string(change.revision));
      after = change.revision;
    }
  }
}

const std::vector<std::string> all_changes{"a=1@11", "a=2@12", "b=2@12", "c=2@12", "a=3@13", "b=4@14"};

TEST(EtcdProtocol, AWatchCutAnywhereLosesNothingAndInventsNothing) {
  const History history;
  const std::size_t size = history.stream_from(start_revision + 1).size();
  for (std::size_t cut = 0; cut <= size; ++cut) {
    EtcdScript script = healthy();
    int streams = 0;
    script.watch = [&](Connection& connection, std::string body) -> Task<void> {
      std::string text = history.stream_from(History::first_of(body));
      const bool is_first = ++streams == 1;
      if (is_first) text.resize(cut);
      co_await send_raw(connection, std::move(text));
      if (is_first) connection.close();
    };
    std::vector<std::string> seen;
    with_store(script, [&seen](Core&, Metastore& store) { return collect(store, 14, seen); }, cut + 1);
    ASSERT_EQ(seen, all_changes) << "cut at " << cut;
  }
}

TEST(EtcdProtocol, ASilentConnectionHidesChangesForAFewSecondsOnly) {
  const History history;
  EtcdScript script = healthy();
  int streams = 0;
  Revision newest = start_revision;
  script.range = [&](Connection& connection, std::string) -> Task<void> {
    co_await send_raw(connection, http_response("200 OK", "{" + header_json(newest) + "}"));
  };
  script.watch = [&](Connection& connection, std::string body) -> Task<void> {
    const bool is_first = ++streams == 1;
    co_await send_raw(connection, is_first ? stream_head + chunk(created_json(start_revision))
                                           : history.stream_from(History::first_of(body)));
  };
  with_store(script, [&](Core& core, Metastore& store) -> Task<void> {
    co_await core.sleep_for(seconds(60));
    EXPECT_EQ(streams, 1) << "nothing has changed: the stream is as good as ever";
    newest = 14;
    const MonotonicTime changed = core.now();
    std::vector<std::string> seen;
    co_await collect(store, 14, seen);
    EXPECT_EQ(seen, all_changes);
    EXPECT_LE(core.now() - changed, seconds(3));
  });
}

TEST(EtcdProtocol, ProgressSpeaksForAStreamWhileOthersChangeTheirKeys) {
  EtcdScript script = healthy();
  int streams = 0;
  Revision newest = start_revision;
  script.range = [&](Connection& connection, std::string) -> Task<void> {
    co_await send_raw(connection, http_response("200 OK", "{" + header_json(newest) + "}"));
  };
  script.watch = [&](Connection& connection, std::string) -> Task<void> {
    ++streams;
    newest = 20;
    const std::string progress = R"({"result":{)" + header_json(newest) + "}}";
    co_await send_raw(connection, stream_head + chunk(created_json(newest)) + chunk(progress));
  };
  with_store(script, [&](Core& core, Metastore&) -> Task<void> {
    co_await core.sleep_for(seconds(60));
    EXPECT_EQ(streams, 1);
  });
}

TEST(EtcdProtocol, WhoseHistoryIsCompactedAwayIsToldToReadAgain) {
  EtcdScript script = healthy();
  int streams = 0;
  script.range = [&](Connection& connection, std::string) -> Task<void> {
    const Revision revision = streams == 0 ? start_revision : 13;
    co_await send_raw(connection, http_response("200 OK", "{" + header_json(revision) + "}"));
  };
  script.watch = [&](Connection& connection, std::string body) -> Task<void> {
    if (++streams == 1) {
      const std::string canceled =
          R"({"result":{"header":{"cluster_id":"7"},"canceled":true,"compact_revision":"12"}})";
      co_await send_raw(connection, stream_head + chunk(created_json(13)) + chunk(canceled));
    } else {
      EXPECT_EQ(History::first_of(body), 14U);
      co_await send_raw(connection, History().stream_from(14) + chunk(events_json(14, {entry_json("p/b", "4", 14)})));
    }
  };
  with_store(script, [](Core&, Metastore& store) -> Task<void> {
    EXPECT_EQ((co_await store.watch("", start_revision)).error().code, ErrorCode::unsupported);
    const auto changes = co_await store.watch("", 13);
    EXPECT_EQ(changes.value().at(0).revision, 14U);
  });
}

TEST(EtcdProtocol, AStreamThatShowsNonsenseIsReplaced) {
  const History history;
  const std::vector<std::string> nonsense = {
      "nonsense",
      R"({"result":7})",
      R"({"error":{"grpc_code":14,"message":"etcdserver: no leader"}})",
      R"({"result":{)" + header_json(11) + R"(,"canceled":true,"cancel_reason":"because"}})",
      events_json(11, {entry_json("q/a", "another's", 11)}),
      events_json(12, {entry_json("p/a", "2", 12), entry_json("p/a", "1", 11)}),
      R"({"result":{)" + header_json(11) + R"(,"events":[{"type":"MOVE","kv":)" + entry_json("p/a", "1", 11) + "}]}}",
      R"({"result":{)" + header_json(11) + R"(,"events":[{"kv":{"key":"*","mod_revision":"11"}}]}})",
      std::string(17 * mebibyte, ' '),
  };
  for (const std::string& line : nonsense) {
    EtcdScript script = healthy();
    int streams = 0;
    script.watch = [&](Connection& connection, std::string body) -> Task<void> {
      const bool is_first = ++streams == 1;
      co_await send_raw(connection, is_first ? stream_head + chunk(created_json(11)) + chunk(line)
                                             : history.stream_from(History::first_of(body)));
    };
    std::vector<std::string> seen;
    with_store(script, [&seen](Core&, Metastore& store) { return collect(store, 14, seen); });
    EXPECT_EQ(seen, all_changes) << line.substr(0, 200);
  }
}

TEST(EtcdProtocol, OptionsThatMakeNoSenseAreRefused) {
  run_simulation(1, [](Core& core) -> Task<void> {
    const env::Endpoint nobody{"127.0.0.1", 9};
    std::vector<EtcdOptions> refused(4);
    refused[1] = {.endpoints = {nobody}, .prefix = "no-slash"};
    refused[2] = {.endpoints = {nobody}, .page_entries = 0};
    refused[3] = {.endpoints = {nobody}, .request_timeout = Duration{}};
    for (const EtcdOptions& options : refused) {
      EXPECT_EQ((co_await open_etcd_metastore(core, options)).error().code, ErrorCode::invalid_argument);
    }
    const auto unreachable = co_await open_etcd_metastore(core, {.endpoints = {nobody}});
    EXPECT_EQ(unreachable.error().code, ErrorCode::unavailable);
    EXPECT_TRUE(unreachable.error().message.contains("127.0.0.1:9")) << unreachable.error().message;
  });
}

}  // namespace
}  // namespace weir::metastore::test
