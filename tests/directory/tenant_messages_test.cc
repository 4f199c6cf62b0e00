#include "directory/tenants/tenant_messages.h"

#include <gtest/gtest.h>

#include "directory/fleet/fleet_messages.h"

namespace weir::directory {
namespace {

const std::string account = "000000000001";

TEST(TenantMessages, ComeBackAsTheyWere) {
  const FleetDefinition fleet{
      .name = "big", .accounts = {account, "000000000002"}, .serves_all_others = true, .overlap = seconds(300)};
  EXPECT_EQ(decode_fleet_definition(encode(fleet)).value(), fleet);
  EXPECT_EQ(decode_fleet_removal(encode(FleetRemoval{"big"})).value().name, "big");
  const Assignment assignment{.account = account, .fleet = "big", .overlap = milliseconds(1)};
  EXPECT_EQ(decode_assignment(encode(assignment)).value(), assignment);
  CredentialDefinition credential{.access_key_id = "AKIA1",
                                  .credential = {.account = account, .expires = wall_time_ms(-1), .sealed = "\xff"},
                                  .replaces = ""};
  EXPECT_EQ(decode_credential_definition(encode(credential)).value(), credential);
  credential.replaces.reset();
  credential.credential.expires.reset();
  EXPECT_EQ(decode_credential_definition(encode(credential)).value(), credential);
  EXPECT_EQ(decode_credential_removal(encode(CredentialRemoval{"AKIA1"})).value().access_key_id, "AKIA1");
}

TEST(TenantMessages, AListIsAReplyThatIsDone) {
  FleetStates fleets;
  fleets["default"] = {.accounts = {}, .serves_all_others = true, .leaving = {{account, wall_time_ms(9)}}};
  fleets["big"] = {.accounts = {account}, .serves_all_others = false, .leaving = {}};
  const SealedCredential credential{.account = account, .expires = wall_time_ms(7), .sealed = "x"};
  Credentials credentials;
  credentials["AKIA1"] = {.credential = std::make_shared<const SealedCredential>(credential), .modified = 3};
  const std::string bytes = encode_tenant_list(fleets, credentials);
  EXPECT_EQ(decode_fleet_reply(bytes).value().outcome, FleetOutcome::done);
  EXPECT_EQ(decode_tenant_list(bytes).value(), (TenantList{fleets, {{"AKIA1", credential}}}));
  EXPECT_EQ(decode_tenant_list(encode(FleetReply{.outcome = FleetOutcome::refused})).error().code, ErrorCode::corrupt);
}

TEST(TenantMessages, WhatCannotBeIsRefused) {
  const auto code = [](const auto& result) { return result.has_value() ? ErrorCode::internal : result.error().code; };
  const FleetDefinition fleet{.name = "big", .accounts = {account}};
  FleetDefinition no_name = fleet;
  no_name.name = "no/name";
  FleetDefinition no_account = fleet;
  no_account.accounts = {"1"};
  FleetDefinition too_long = fleet;
  too_long.overlap = overlap_max + milliseconds(1);
  for (const FleetDefinition& wrong : {no_name, no_account, too_long}) {
    EXPECT_EQ(code(decode_fleet_definition(encode(wrong))), ErrorCode::corrupt) << wrong.name;
  }
  EXPECT_EQ(code(decode_assignment(encode(Assignment{.account = "1", .fleet = "big"}))), ErrorCode::corrupt);
  EXPECT_EQ(code(decode_assignment(encode(Assignment{.account = account, .fleet = "b", .overlap = milliseconds(-1)}))),
            ErrorCode::corrupt);
  const SealedCredential sound{.account = account, .sealed = "x"};
  EXPECT_EQ(code(decode_credential_definition(encode(CredentialDefinition{"a b", sound, {}}))), ErrorCode::corrupt);
  EXPECT_EQ(code(decode_credential_definition(encode(CredentialDefinition{"a", {.account = account}, {}}))),
            ErrorCode::corrupt);
  EXPECT_EQ(code(decode_credential_definition(encode(CredentialDefinition{
                "a", {.account = account, .sealed = std::string(sealed_bytes_max + 1, 'x')}, {}}))),
            ErrorCode::corrupt);
  for (const std::string_view bytes : {"\xff", "\x0a"}) {
    EXPECT_EQ(code(decode_fleet_definition(bytes)), ErrorCode::corrupt);
    EXPECT_EQ(code(decode_fleet_removal(bytes)), ErrorCode::corrupt);
    EXPECT_EQ(code(decode_assignment(bytes)), ErrorCode::corrupt);
    EXPECT_EQ(code(decode_credential_definition(bytes)), ErrorCode::corrupt);
    EXPECT_EQ(code(decode_credential_removal(bytes)), ErrorCode::corrupt);
    EXPECT_EQ(code(decode_tenant_list(bytes)), ErrorCode::corrupt);
  }
}

}  // namespace
}  // namespace weir::directory
