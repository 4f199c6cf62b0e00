#include <functional>
#include <string>
#include <vector>

#include "env/runtime.h"
#include "env/task_group.h"
#include "gtest/gtest.h"
#include "tests/frontend/authentication_support.h"

namespace weir::frontend {
namespace {

constexpr std::size_t whole_pieces = 5;

using Outcome = std::expected<Identity, kinesis::ApiError>;

std::string text_of(const Outcome& outcome) {
  if (outcome) return "accepted: " + outcome->account + " " + outcome->access_key_id + " " + outcome->region;
  return std::string(kinesis::info(outcome.error().code).name) + ": " + outcome.error().message;
}

std::string large_body(std::size_t bytes = whole_pieces * LargeWork::piece_bytes + 17) {
  std::string body(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) body[i] = static_cast<char>(i * 31 + i / 251);
  return body;
}

TestRequest large_request() { return TestRequest(large_body()); }

// The outcome in pieces; `meanwhile` runs whenever the request lets others go.
std::string in_pieces(Authenticator& authenticator, TestRequest& request,
                      const std::function<void(int)>& meanwhile = {}) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  std::string text;
  const auto authenticate = [&](LargeWork& work, bool& done) -> env::Task<void> {
    text = text_of(co_await authenticator.authenticate_in_pieces(request.http(), vector_time, work));
    done = true;
  };
  const auto others = [&](env::Core& core, const bool& done) -> env::Task<void> {
    int turns = 0;
    while (!done) {
      if (meanwhile) meanwhile(turns++);
      co_await core.yield();
    }
  };
  const auto both = [&](env::Core& core) -> env::Task<int> {
    LargeWork work(core);
    bool done = false;
    env::TaskGroup tasks(core);
    tasks.spawn(authenticate(work, done));
    tasks.spawn(others(core, done));
    co_await tasks.wait();
    co_return 0;
  };
  EXPECT_EQ(runtime->run([&] { return both(runtime->core(0)); }), 0);
  return text;
}

TEST(AuthenticatorInPieces, SaysTheSameAsAtOnce) {
  std::vector<TestRequest> requests;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, LargeWork::piece_bytes - 1, LargeWork::piece_bytes,
                                  LargeWork::piece_bytes + 1, 3 * LargeWork::piece_bytes}) {
    requests.push_back(TestRequest(large_body(bytes)).sign(vector_credential(), vector_time, "eu-west-1"));
  }
  for (std::size_t piece = 0; piece <= whole_pieces; ++piece) {
    TestRequest changed = large_request().sign(vector_credential(), vector_time);
    changed.body()[piece * LargeWork::piece_bytes] ^= 1;
    requests.push_back(changed);
  }
  const Sha256 sha256;
  const std::string hash = to_hex(sha256.digest(as_bytes(large_body())));
  requests.push_back(large_request().set("x-amz-content-sha256", hash).sign(vector_credential(), vector_time));
  requests.push_back(large_request().set("x-amz-content-sha256", hash).sign(vector_credential(), vector_time));
  requests.back().body().back() ^= 1;
  Credential stranger = vector_credential();
  stranger.access_key_id = "AKIDSTRANGER";
  requests.push_back(large_request().sign(stranger, vector_time));
  requests.push_back(large_request().sign(vector_credential(), vector_time - hours(1)));
  requests.push_back(large_request());

  int accepted = 0;
  for (TestRequest& request : requests) {
    Authenticator one(vector_credentials());
    Authenticator two(vector_credentials());
    const std::string expected = text_of(one.authenticate(request.http(), vector_time));
    EXPECT_EQ(in_pieces(two, request), expected);
    if (expected.starts_with("accepted")) ++accepted;
  }
  EXPECT_EQ(accepted, 7);
}

TEST(AuthenticatorInPieces, LetsOthersGoBetweenThem) {
  Authenticator authenticator(vector_credentials());
  TestRequest request = large_request().sign(vector_credential(), vector_time);
  int others = 0;
  EXPECT_TRUE(in_pieces(authenticator, request, [&](int) { ++others; }).starts_with("accepted"));
  EXPECT_GE(others, static_cast<int>(whole_pieces));
}

TEST(AuthenticatorInPieces, TwoAtOnceDoNotMixTheirHashes) {
  Authenticator authenticator(vector_credentials());
  TestRequest large = large_request().sign(vector_credential(), vector_time);
  TestRequest small;
  small.sign(vector_credential(), vector_time);
  EXPECT_TRUE(in_pieces(authenticator, large, [&](int) {
                EXPECT_TRUE(authenticator.authenticate(small.http(), vector_time).has_value());
              }).starts_with("accepted"));
}

TEST(AuthenticatorInPieces, AStrangersBodyIsNotHashed) {
  Authenticator authenticator(vector_credentials());
  Credential stranger = vector_credential();
  stranger.access_key_id = "AKIDSTRANGER";
  TestRequest request = large_request().sign(stranger, vector_time);
  int others = 0;
  EXPECT_TRUE(in_pieces(authenticator, request, [&](int) { ++others; }).starts_with("UnrecognizedClient"));
  EXPECT_EQ(others, 0);
}

TEST(AuthenticatorInPieces, AKeyTakenAwayMeanwhileIsRefused) {
  Authenticator authenticator(vector_credentials());
  TestRequest request = large_request().sign(vector_credential(), vector_time);
  const auto take_away = [&](int turns) {
    if (turns == 2) authenticator.replace(std::make_shared<const CredentialSet>(CredentialSet::well_known()));
  };
  EXPECT_TRUE(in_pieces(authenticator, request, take_away).starts_with("UnrecognizedClient"));
}

TEST(AuthenticatorInPieces, ASecretReplacedMeanwhileIsTheOneThatHolds) {
  Authenticator authenticator(vector_credentials());
  Credential renewed = vector_credential();
  renewed.secret_access_key = "another";
  TestRequest request = large_request().sign(vector_credential(), vector_time);
  const auto replace = [&](int turns) {
    if (turns == 2) authenticator.replace(std::make_shared<const CredentialSet>(CredentialSet::of({renewed})));
  };
  EXPECT_TRUE(in_pieces(authenticator, request, replace).starts_with("InvalidSignature"));
  TestRequest next;
  next.sign(renewed, vector_time);
  EXPECT_TRUE(authenticator.authenticate(next.http(), vector_time).has_value());
}

}  // namespace
}  // namespace weir::frontend
