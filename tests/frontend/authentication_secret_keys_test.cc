#include "frontend/authentication/secret_keys.h"

#include <functional>

#include "base/base64.h"
#include "directory/tenants/tenants.h"
#include "frontend/authentication/map_credentials.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/simulation_test.h"

namespace weir::frontend {
namespace {

using directory::SealedCredential;
using ShardCredentials = directory::ShardMap::CredentialsById;
using testing::HasSubstr;

constexpr std::string_view first_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view second_key = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";
constexpr SecretOwner owner{.access_key_id = "AKIA1", .account = "000000000001", .expires = std::nullopt};

SecretKeys keys_of(std::string_view text) { return SecretKeys::parse(text, "keys").value(); }
std::string lines(std::string_view a, std::string_view b) { return std::string(a).append("\n").append(b).append("\n"); }

// Calls `test` with a core, which has random bytes.
void with_core(const std::function<void(env::Core&)>& test) {
  weir::test::run_simulation(1, [&](env::Core& core) -> env::Task<void> {
    test(core);
    co_return;
  });
}

TEST(SecretKeys, WhatIsSealedComesBackAndIsNotInClear) {
  with_core([](env::Core& core) {
    const SecretKeys keys = keys_of(first_key);
    for (const Secret& secret :
         {Secret{"s", ""}, Secret{"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a session token"},
          Secret{std::string(secret_bytes_max, 'x'), std::string(session_token_bytes_max, 'y')}}) {
      const std::string sealed = keys.seal(core, owner, secret).value();
      EXPECT_EQ(keys.open(owner, sealed).value(), secret);
      EXPECT_LE(sealed.size(), directory::sealed_bytes_max);
      EXPECT_EQ(sealed.find(secret.secret_access_key.substr(0, 1) + "xxx"), std::string::npos);
      if (secret.session_token.size() == 15) {
        EXPECT_EQ(sealed.find("K7MDENG"), std::string::npos);
        EXPECT_EQ(sealed.find("session"), std::string::npos);
      }
      EXPECT_NE(keys.seal(core, owner, secret).value(), sealed);  // another nonce
    }
  });
}

TEST(SecretKeys, ASecretIsOfNoUseUnderAnothersNameAccountOrExpiry) {
  with_core([](env::Core& core) {
    const SecretKeys keys = keys_of(first_key);
    const SecretOwner expiring{owner.access_key_id, owner.account, wall_time_ms(77)};
    const std::string sealed = keys.seal(core, expiring, {"secret", ""}).value();
    EXPECT_TRUE(keys.open(expiring, sealed).has_value());
    for (const SecretOwner& other : {SecretOwner{"AKIA2", owner.account, expiring.expires},
                                     SecretOwner{owner.access_key_id, "000000000002", expiring.expires},
                                     SecretOwner{owner.access_key_id, owner.account, wall_time_ms(78)},
                                     SecretOwner{owner.access_key_id, owner.account, std::nullopt},
                                     SecretOwner{"AKIA10", "00000000001", expiring.expires}}) {
      EXPECT_EQ(keys.open(other, sealed).error().code, ErrorCode::corrupt);
    }
  });
}

TEST(SecretKeys, AnyByteChangedOrCutOffIsNoticed) {
  with_core([](env::Core& core) {
    const SecretKeys keys = keys_of(first_key);
    std::string sealed = keys.seal(core, owner, {"secret", "token"}).value();
    for (std::size_t size = 0; size < sealed.size(); ++size) {
      EXPECT_FALSE(keys.open(owner, sealed.substr(0, size)).has_value()) << size;
    }
    EXPECT_FALSE(keys.open(owner, sealed + "x").has_value());
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      sealed[bit / 8] = static_cast<char>(sealed[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_FALSE(keys.open(owner, sealed).has_value()) << bit;
      sealed[bit / 8] = static_cast<char>(sealed[bit / 8] ^ (1 << (bit % 8)));
    }
    EXPECT_TRUE(keys.open(owner, sealed).has_value());
  });
}

TEST(SecretKeys, TheFirstKeyEncryptsAndAllDecrypt) {
  with_core([](env::Core& core) {
    const SecretKeys old_only = keys_of(first_key);
    const SecretKeys new_only = keys_of(second_key);
    const SecretKeys both = keys_of(lines(second_key, first_key));
    const std::string old_sealed = old_only.seal(core, owner, {"secret", ""}).value();
    EXPECT_EQ(new_only.open(owner, old_sealed).error().code, ErrorCode::not_found);
    EXPECT_TRUE(both.open(owner, old_sealed).has_value());
    EXPECT_FALSE(both.is_current(old_sealed));
    EXPECT_TRUE(old_only.is_current(old_sealed));
    const std::string resealed = both.seal(core, owner, {"secret", ""}).value();
    EXPECT_TRUE(both.is_current(resealed));
    EXPECT_TRUE(new_only.open(owner, resealed).has_value());
    EXPECT_EQ(old_only.open(owner, resealed).error().code, ErrorCode::not_found);
  });
}

// Stored secrets must be readable for ever: this one was made from docs/format-metadata.md by another program.
TEST(SecretKeys, AStoredSecretOfTheFirstVersionIsRead) {
  constexpr std::string_view stored =
      "ARA0joaMyTHDZGVmZ2hpamtsbW5vQBveZhjJJftdEDqc3WVq/SPicmXgCZ3a9PBGe3C1LSST/Uur5Tbe";
  std::string sealed(stored.size(), '\0');
  const Base64Decoded decoded = base64_decode(stored, reinterpret_cast<std::byte*>(sealed.data()));
  ASSERT_EQ(decoded.fault, Base64Fault::none);
  sealed.resize(decoded.size);
  const SecretOwner whose{"AKIA1", "000000000001", wall_time_ms(1'798'761'600'000)};
  EXPECT_EQ(keys_of(first_key).open(whose, sealed).value(), (Secret{"a secret", "a token"}));
}

TEST(SecretKeys, MistakesInTheFileAreNamedWithTheirLine) {
  const auto problem = [](std::string_view text) {
    const auto keys = SecretKeys::parse(text, "keys");
    return keys.has_value() ? "accepted" : keys.error().message;
  };
  EXPECT_EQ(problem(lines("# a comment\n", first_key) + "\r\n"), "accepted");
  EXPECT_THAT(problem(""), HasSubstr("keys: no key"));
  EXPECT_THAT(problem("\n# nothing\n"), HasSubstr("keys: no key"));
  EXPECT_THAT(problem(lines(first_key, "c2hvcnQ=")), HasSubstr("keys:2: not 32 bytes"));
  EXPECT_THAT(problem(std::string(44, '!')), HasSubstr("keys:1: not 32 bytes"));
  EXPECT_THAT(problem(lines(first_key, first_key)), HasSubstr("keys:2: this key is there twice"));
}

TEST(SecretKeys, ASecretThatIsEmptyOrTooLongIsRefused) {
  with_core([](env::Core& core) {
    const SecretKeys keys = keys_of(first_key);
    for (const Secret& secret : {Secret{"", ""}, Secret{std::string(secret_bytes_max + 1, 'x'), ""},
                                 Secret{"s", std::string(session_token_bytes_max + 1, 'x')}}) {
      EXPECT_EQ(keys.seal(core, owner, secret).error().code, ErrorCode::invalid_argument);
    }
  });
}

TEST(SecretKeys, ANewFileHasOneKeyOfItsOwn) {
  with_core([](env::Core& core) {
    const std::string file = make_secret_key_file(core);
    EXPECT_EQ(keys_of(file).size(), 1U);
    EXPECT_NE(make_secret_key_file(core), file);
    EXPECT_EQ(keys_of(file + make_secret_key_file(core)).size(), 2U);
  });
}

// An access key as a map has it.
struct Keeper {
  env::Core& core;
  ShardCredentials credentials;
  void put(const SecretKeys& keys, const std::string& id, const std::string& secret,
           std::string account = "000000000001") {
    const std::string sealed = keys.seal(core, {id, account, std::nullopt}, {secret, ""}).value();
    credentials[id] = std::make_shared<SealedCredential>(SealedCredential{.account = account, .sealed = sealed});
  }
};

TEST(CredentialOpener, ServesWhatTheMapHasAndForgetsWhatItHasNoLonger) {
  with_core([](env::Core& core) {
    const SecretKeys keys = keys_of(first_key);
    Keeper map{core, {}};
    CredentialOpener opener(true);
    map.put(keys, "AKIA1", "one");
    map.put(keys, "test", "test");
    auto opened = opener.open(keys, map.credentials, OpenAgain::changed);
    EXPECT_EQ(opened.unusable, 0U);
    EXPECT_EQ(opened.set->find("AKIA1")->secret_access_key, "one");
    EXPECT_EQ(opened.set->find("AKIA1")->account, "000000000001");
    EXPECT_TRUE(opened.set->has_well_known_key());
    map.put(keys, "AKIA1", "another");
    map.credentials.erase("test");
    opened = opener.open(keys, map.credentials, OpenAgain::changed);
    EXPECT_EQ(opened.set->size(), 1U);
    EXPECT_EQ(opened.set->find("AKIA1")->secret_access_key, "another");
  });
}

TEST(CredentialOpener, AKeyThatEverybodyKnowsIsNotServedBeyondLoopback) {
  with_core([](env::Core& core) {
    const SecretKeys keys = keys_of(first_key);
    Keeper map{core, {}};
    map.put(keys, "AKIA1", "one");
    map.put(keys, "test", "test");
    const auto opened = CredentialOpener(false).open(keys, map.credentials, OpenAgain::changed);
    EXPECT_FALSE(opened.set->has_well_known_key());
    EXPECT_EQ(opened.set->size(), 1U);
    EXPECT_EQ(opened.unusable, 1U);
    EXPECT_THAT(opened.problem, HasSubstr("test"));
  });
}

TEST(CredentialOpener, AKeyThatIsMissingHereShutsNoTenantOut) {
  with_core([](env::Core& core) {
    const SecretKeys old_keys = keys_of(first_key);
    const SecretKeys new_keys = keys_of(lines(second_key, first_key));
    Keeper map{core, {}};
    CredentialOpener opener(true);
    map.put(old_keys, "AKIA1", "one");
    map.put(new_keys, "AKIA2", "two");
    auto opened = opener.open(old_keys, map.credentials, OpenAgain::changed);
    EXPECT_EQ(opened.set->size(), 1U);  // the other was never known here
    EXPECT_EQ(opened.unusable, 1U);
    map.put(new_keys, "AKIA1", "one");
    opened = opener.open(old_keys, map.credentials, OpenAgain::changed);
    EXPECT_EQ(opened.unusable, 2U);
    ASSERT_NE(opened.set->find("AKIA1"), nullptr);
    EXPECT_EQ(opened.set->find("AKIA1")->secret_access_key, "one");
    opened = opener.open(new_keys, map.credentials, OpenAgain::all);
    EXPECT_EQ(opened.unusable, 0U);
    EXPECT_EQ(opened.set->size(), 2U);
    // A key that is taken away too early is noticed at once, not after the restart.
    opened = opener.open(keys_of(first_key), map.credentials, OpenAgain::all);
    EXPECT_EQ(opened.unusable, 2U);
    EXPECT_EQ(opened.set->size(), 2U);
    // Another account never gets what was the old one's.
    map.credentials["AKIA1"] =
        std::make_shared<SealedCredential>(SealedCredential{.account = "000000000002", .sealed = "?"});
    opened = opener.open(new_keys, map.credentials, OpenAgain::changed);
    EXPECT_EQ(opened.set->find("AKIA1"), nullptr);
  });
}

}  // namespace
}  // namespace weir::frontend
