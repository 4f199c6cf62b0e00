// Whatever bytes come to a directory or from one must neither crash a process nor come out as something that cannot be:
// what nodes, operators and the leader say to each other, shard maps and their changes, stored fleets and access keys,
// and encrypted secrets.
//
// The first byte of an input says as what the rest is taken; maps get a frame whose checksum is right.
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "directory/fleet/fleet_messages.h"
#include "directory/map/map_codec.h"
#include "directory/map/map_frame.h"
#include "directory/map/shard_map_builder.h"
#include "directory/tenants/tenant_messages.h"
#include "frontend/authentication/secret_keys.h"

namespace weir::directory {
namespace {

// What was understood is understood again, as the same.
template <class Message>
void repeat(const Result<Message>& message, Result<Message> (*decode)(std::string_view)) {
  if (!message) return;
  const auto again = decode(encode(*message));
  WEIR_ASSERT(again.has_value());
  if constexpr (std::equality_comparable<Message>) WEIR_ASSERT(*again == *message);
}

void decode_node_messages(std::string_view bytes) {
  repeat(decode_beat(bytes), &decode_beat);
  repeat(decode_claim(bytes), &decode_claim);
  repeat(decode_cell_definition(bytes), &decode_cell_definition);
  repeat(decode_drain(bytes), &decode_drain);
  repeat(decode_fleet_reply(bytes), &decode_fleet_reply);
}

void decode_tenant_messages(std::string_view bytes) {
  repeat(decode_fleet_definition(bytes), &decode_fleet_definition);
  repeat(decode_fleet_removal(bytes), &decode_fleet_removal);
  repeat(decode_assignment(bytes), &decode_assignment);
  repeat(decode_credential_definition(bytes), &decode_credential_definition);
  repeat(decode_credential_removal(bytes), &decode_credential_removal);
  const auto list = decode_tenant_list(bytes);
  if (!list) return;
  Credentials credentials;
  for (const auto& [id, credential] : list->credentials) {
    credentials[id] = {.credential = std::make_shared<const SealedCredential>(credential)};
  }
  WEIR_ASSERT(decode_tenant_list(encode_tenant_list(list->fleets, credentials)).value() == *list);
}

void decode_stored(std::string_view bytes) {
  if (const auto fleets = decode_fleets(bytes)) WEIR_ASSERT(decode_fleets(encode_fleets(*fleets)).value() == *fleets);
  if (const auto credential = decode_credential("AKIA", bytes)) {
    WEIR_ASSERT(decode_credential("AKIA", encode_credential(*credential)).value() == *credential);
  }
}

void decode_maps(std::string_view bytes) {
  for (const MapSlice& slice : {MapSlice{}, MapSlice::of_fleet("default"), MapSlice::of_cell(0)}) {
    if (const auto map = decode_map(make_frame(FrameKind::map, std::string(bytes)), slice)) {
      const auto again = encode_map(**map, slice);
      WEIR_ASSERT(!again || decode_map(*again, slice).has_value());
    }
    if (const auto delta = decode_delta(make_frame(FrameKind::delta, std::string(bytes)), slice)) {
      static_cast<void>(apply_delta(*ShardMapBuilder().build(1), *delta));
    }
  }
}

void open_secret(std::string_view bytes) {
  const auto keys = frontend::SecretKeys::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "keys").value();
  static_cast<void>(keys.open({.access_key_id = "AKIA1", .account = "000000000001", .expires = std::nullopt}, bytes));
  static_cast<void>(keys.is_current(bytes));
  static_cast<void>(frontend::SecretKeys::parse(bytes, "keys"));
}

}  // namespace
}  // namespace weir::directory

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::directory;
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0: decode_node_messages(bytes); break;
    case 1: decode_tenant_messages(bytes); break;
    case 2: decode_stored(bytes); break;
    case 3: decode_maps(bytes); break;
    default: open_secret(bytes); break;
  }
  return 0;
}
