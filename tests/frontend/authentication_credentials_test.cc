#include "frontend/authentication/credentials.h"

#include <fmt/format.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::frontend {
namespace {

using testing::HasSubstr;

std::string problem(std::string_view toml) {
  const auto set = CredentialSet::parse(toml, "c.toml");
  return set.has_value() ? "accepted" : set.error().message;
}

constexpr std::string_view good = R"(# for the tests
[[credential]]
access_key_id = "AKIA1"
secret_access_key = "s1"
account = "123456789012"

[[credential]]
access_key_id = "ASIA2"
secret_access_key = "s2"
account = "210987654321"
session_token = "t2"
expires = 2026-01-02T03:04:05.5Z
)";

TEST(Credentials, AreReadFromToml) {
  const auto set = CredentialSet::parse(good, "c.toml");
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_EQ(set->size(), 2U);
  ASSERT_NE(set->find("AKIA1"), nullptr);
  EXPECT_EQ(set->find("AKIA1")->account, "123456789012");
  EXPECT_FALSE(set->find("AKIA1")->expires.has_value());
  const Credential& temporary = *set->find("ASIA2");
  EXPECT_EQ(temporary.secret_access_key, "s2");
  EXPECT_EQ(temporary.session_token, "t2");
  EXPECT_EQ(temporary.expires, wall_time_ms(1767323045000));
  EXPECT_EQ(set->find("AKIA"), nullptr);
  EXPECT_FALSE(set->has_well_known_key());
}

TEST(Credentials, TheWellKnownKey) {
  const CredentialSet set = CredentialSet::well_known();
  EXPECT_TRUE(set.has_well_known_key());
  EXPECT_EQ(set.find("test")->secret_access_key, "test");
  EXPECT_EQ(set.find("test")->account, "000000000000");
}

TEST(Credentials, MistakesAreNamedWithTheirPlace) {
  EXPECT_THAT(problem(""), HasSubstr("no [[credential]] table"));
  EXPECT_THAT(problem("x = 1"), HasSubstr("c.toml:1:1: unknown key \"x\""));
  EXPECT_THAT(problem("[credential]\naccess_key_id = \"a\""), HasSubstr("no [[credential]] table"));
  EXPECT_THAT(problem("credential = [1]"), HasSubstr("write each credential as [[credential]]"));
  EXPECT_THAT(problem("[[credential]]\nsecret = \"s\""), HasSubstr("c.toml:2:1: unknown key \"secret\""));
  EXPECT_THAT(problem("[[credential]]\naccess_key_id = 7"), HasSubstr("access_key_id must be text in quotes"));
  EXPECT_THAT(problem("[[credential]]\naccess_key_id = \"\""), HasSubstr("access_key_id must be text in quotes"));
  EXPECT_THAT(problem("[[credential]]\naccess_key_id = \"a\""), HasSubstr("secret_access_key is missing"));
  EXPECT_THAT(problem("[[credential]]\naccess_key_id = \"a/b\"\nsecret_access_key = \"s\""),
              HasSubstr("must not contain"));
  EXPECT_THAT(problem("[[credential]]\naccess_key_id = \"a\"\nsecret_access_key = \"s\"\naccount = \"12\""),
              HasSubstr("12 digits"));
  EXPECT_THAT(problem("[[credential]]\nexpires = \"tomorrow\""), HasSubstr("expires must be a time with a zone"));
  EXPECT_THAT(problem("[[credential]]\nexpires = 2026-01-02T03:04:05"),
              HasSubstr("expires must be a time with a zone"));
  EXPECT_THAT(problem("[[credential"), HasSubstr("c.toml:1:"));
  EXPECT_THAT(problem("[[["), HasSubstr("c.toml"));
  EXPECT_THAT(problem(std::string(good) + std::string(good)), HasSubstr("access_key_id \"AKIA1\" appears twice"));
}

TEST(Credentials, AreBoundedInNumber) {
  std::string toml;
  for (std::size_t i = 0; i <= credentials_max; ++i) {
    toml +=
        fmt::format("[[credential]]\naccess_key_id=\"a{}\"\nsecret_access_key=\"s\"\naccount=\"000000000000\"\n", i);
  }
  const auto set = CredentialSet::parse(toml, "c.toml");
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code, ErrorCode::limit_exceeded);
}

TEST(Credentials, AFileThatOthersMayReadIsRefused) {
  EXPECT_TRUE(check_credentials_permissions("c.toml", 0600).has_value());
  EXPECT_TRUE(check_credentials_permissions("c.toml", 0400).has_value());
  for (const std::uint32_t mode : {0640U, 0604U, 0660U, 0644U, 0601U}) {
    const auto checked = check_credentials_permissions("c.toml", mode);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(checked.error().message, HasSubstr("chmod 600 c.toml"));
  }
}

}  // namespace
}  // namespace weir::frontend
