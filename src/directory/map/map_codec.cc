#include "directory/map/map_codec.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "directory/map/map_frame.h"
#include "directory/map/map_wire.h"
#include "directory/map/shard_map_builder.h"

namespace weir::directory {
namespace {

void to_wire(LaneId lane, const LaneOwner* owner, wire::LaneOwner& message) {
  message.set_lane(lane.value);
  if (owner == nullptr) {
    message.set_gone(true);
    return;
  }
  message.set_node(owner->node);
  message.set_address(owner->address);
  message.set_port(owner->port);
  message.set_epoch(owner->epoch.value);
}

Result<std::optional<LaneOwner>> from_wire(const wire::LaneOwner& message) {
  if (message.gone()) return std::nullopt;
  if (message.port() == 0 || message.port() > std::numeric_limits<std::uint16_t>::max() || message.node().empty()) {
    return fail(ErrorCode::corrupt, "the owner of lane " + std::to_string(message.lane()) + " cannot be reached");
  }
  return LaneOwner{.node = message.node(),
                   .address = message.address(),
                   .port = static_cast<std::uint16_t>(message.port()),
                   .epoch = Epoch{message.epoch()}};
}

void to_wire(const std::string& name, const Fleet* fleet, wire::Fleet& message) {
  message.set_name(name);
  if (fleet == nullptr) {
    message.set_gone(true);
    return;
  }
  for (const std::string& account : fleet->accounts) message.add_accounts(account);
  message.set_serves_all_others(fleet->serves_all_others);
  for (const std::string& account : fleet->leaving) message.add_leaving(account);
}

std::optional<Fleet> from_wire(const wire::Fleet& message) {
  if (message.gone()) return std::nullopt;
  return Fleet{.accounts = {message.accounts().begin(), message.accounts().end()},
               .serves_all_others = message.serves_all_others(),
               .leaving = {message.leaving().begin(), message.leaving().end()}};
}

void to_wire(const std::string& access_key_id, const SealedCredential* credential, wire::Credential& message) {
  message.set_access_key_id(access_key_id);
  if (credential == nullptr) {
    message.set_gone(true);
    return;
  }
  message.set_account(credential->account);
  if (credential->expires) message.set_expires_ms(unix_milliseconds(*credential->expires));
  message.set_sealed(credential->sealed);
}

std::shared_ptr<const SealedCredential> from_wire(const wire::Credential& message) {
  if (message.gone()) return nullptr;
  return std::make_shared<const SealedCredential>(SealedCredential{
      .account = message.account(),
      .expires = message.has_expires_ms() ? std::optional(wall_time_ms(message.expires_ms())) : std::nullopt,
      .sealed = message.sealed()});
}

std::string to_wire(const TokenKey& key) { return std::string(as_text(key)); }

Result<std::optional<TokenKey>> token_key_from_wire(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  if (bytes.size() != token_key_bytes) return fail(ErrorCode::corrupt, "the token key has a wrong length");
  TokenKey key;
  std::ranges::copy(as_bytes(bytes), key.begin());
  return key;
}

Result<void> check_slice(std::string_view slice, const MapSlice& expected) {
  if (slice == expected.name()) return {};
  return fail(ErrorCode::conflict, "a shard map of the slice " + std::string(slice) + ", wanted: " + expected.name());
}

template <class Message>
Result<Message> parse(FrameKind kind, std::string_view bytes) {
  WEIR_TRY(const std::string_view payload, open_frame(kind, bytes));
  Message message;
  if (payload.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return fail(ErrorCode::corrupt, "a shard map cannot be parsed");
  }
  return message;
}

}  // namespace

std::optional<std::string> encode_map(const ShardMap& map, const MapSlice& slice) {
  const auto filter = SliceFilter::make(map, slice);
  if (!filter) return std::nullopt;
  wire::Map message;
  to_wire(map.id(), *message.mutable_id());
  message.set_slice(slice.name());
  for (const auto& [id, stream] : map.all()) {
    if (filter->contains(*stream)) to_wire(*stream, *message.add_streams());
  }
  for (const auto& [lane, owner] : map.owners()) {
    if (filter->contains(lane)) to_wire(lane, owner.get(), *message.add_owners());
  }
  for (const auto& [name, fleet] : map.fleets()) {
    if (filter->contains_fleet(name)) to_wire(name, fleet.get(), *message.add_fleets());
  }
  for (const auto& [id, credential] : map.credentials()) {
    if (filter->contains_credential_of(credential->account)) to_wire(id, credential.get(), *message.add_credentials());
  }
  if (map.token_key() && filter->contains_token_key()) message.set_token_key(to_wire(*map.token_key()));
  return make_frame(FrameKind::map, message.SerializeAsString());
}

Result<ShardMapPointer> decode_map(std::string_view bytes, const MapSlice& expected) {
  WEIR_TRY(const wire::Map message, parse<wire::Map>(FrameKind::map, bytes));
  WEIR_CHECK(check_slice(message.slice(), expected));
  ShardMapBuilder builder;
  for (const wire::Stream& part : message.streams()) {
    WEIR_TRY(auto stream, from_wire(part));
    const bool is_new = builder.map().find(stream->id) == nullptr &&
                        builder.map().find(stream->scope.account, stream->scope.region, stream->name) == nullptr;
    if (!is_new) return fail(ErrorCode::corrupt, "a shard map has one stream twice");
    builder.put(std::move(stream));
  }
  for (const wire::LaneOwner& part : message.owners()) {
    WEIR_TRY(auto owner, from_wire(part));
    builder.set_owner(LaneId{part.lane()}, std::move(owner));
  }
  for (const wire::Fleet& part : message.fleets()) builder.set_fleet(part.name(), from_wire(part));
  for (const wire::Credential& part : message.credentials()) {
    builder.set_credential(part.access_key_id(), from_wire(part));
  }
  WEIR_TRY(const auto key, token_key_from_wire(message.token_key()));
  builder.set_token_key(key);
  builder.set_term(message.id().term());
  return builder.build(message.id().version());
}

std::string encode_delta(const MapDelta& delta, const MapSlice& slice) {
  wire::Delta message;
  to_wire(delta.from, *message.mutable_from());
  to_wire(delta.to, *message.mutable_to());
  message.set_slice(slice.name());
  for (const auto& stream : delta.streams) to_wire(*stream, *message.add_streams());
  for (const StreamId id : delta.removed) message.add_removed(id.value);
  for (const auto& [lane, owner] : delta.owners) to_wire(lane, owner ? &*owner : nullptr, *message.add_owners());
  for (const auto& [name, fleet] : delta.fleets) to_wire(name, fleet ? &*fleet : nullptr, *message.add_fleets());
  for (const auto& [id, credential] : delta.credentials) to_wire(id, credential.get(), *message.add_credentials());
  if (delta.token_key) message.set_token_key(to_wire(*delta.token_key));
  return make_frame(FrameKind::delta, message.SerializeAsString());
}

Result<MapDelta> decode_delta(std::string_view bytes, const MapSlice& expected) {
  WEIR_TRY(const wire::Delta message, parse<wire::Delta>(FrameKind::delta, bytes));
  WEIR_CHECK(check_slice(message.slice(), expected));
  MapDelta delta{.from = from_wire(message.from()), .to = from_wire(message.to())};
  for (const wire::Stream& part : message.streams()) {
    WEIR_TRY(auto stream, from_wire(part));
    delta.streams.push_back(std::move(stream));
  }
  for (const std::uint64_t id : message.removed()) delta.removed.push_back(StreamId{id});
  for (const wire::LaneOwner& part : message.owners()) {
    WEIR_TRY(auto owner, from_wire(part));
    delta.owners.emplace_back(LaneId{part.lane()}, std::move(owner));
  }
  for (const wire::Fleet& part : message.fleets()) delta.fleets.emplace_back(part.name(), from_wire(part));
  for (const wire::Credential& part : message.credentials()) {
    delta.credentials.emplace_back(part.access_key_id(), from_wire(part));
  }
  WEIR_TRY(delta.token_key, token_key_from_wire(message.token_key()));
  return delta;
}

}  // namespace weir::directory
