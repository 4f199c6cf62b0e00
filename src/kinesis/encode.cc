#include "kinesis/encode.h"

#include "kinesis/cbor_writer.h"
#include "kinesis/json_writer.h"

namespace weir::kinesis {
namespace {

template <class Writer>
void write_value(Writer& writer, const Type& type, const void* value);

template <class Writer>
void write_list(Writer& writer, const ListType& type, const void* list) {
  writer.begin_list();
  const std::size_t count = type.size(list);
  for (std::size_t i = 0; i < count; ++i) write_value(writer, type.item, type.at(list, i));
  writer.end_list();
}

template <class Writer>
void write_map(Writer& writer, const TextMap& map) {
  writer.begin_map();
  for (const MapEntry& entry : map) {
    if (!entry.value.has_value()) continue;
    writer.text_key(entry.key);
    writer.text(*entry.value);
  }
  writer.end_map();
}

template <class Writer>
void write_value(Writer& writer, const Type& type, const void* value) {
  switch (type.kind) {
    case Kind::text: return writer.text(*static_cast<const std::string_view*>(value));
    case Kind::owned_text: return writer.text(*static_cast<const std::string*>(value));
    case Kind::blob: return writer.blob(*static_cast<const BytesView*>(value));
    case Kind::boolean: return writer.boolean(*static_cast<const bool*>(value));
    case Kind::integer: return writer.integer(*static_cast<const std::int32_t*>(value));
    case Kind::long_integer: return writer.integer(*static_cast<const std::int64_t*>(value));
    case Kind::timestamp: return writer.timestamp(*static_cast<const WallTime*>(value));
    case Kind::choice: return writer.text(type.choice->text(value));
    case Kind::list: return write_list(writer, *type.list, value);
    case Kind::map: return write_map(writer, *static_cast<const TextMap*>(value));
    case Kind::structure: return write_structure(writer, *type.structure, value);
  }
}

template <class Writer>
std::string encode_with(const Structure& structure, const void* object) {
  Writer writer;
  write_structure(writer, structure, object);
  return std::move(writer).finish();
}

}  // namespace

template <class Writer>
void write_structure(Writer& writer, const Structure& structure, const void* object) {
  writer.begin_map();
  for (const Member& member : structure.members) {
    const void* value = member.get(object);
    if (value == nullptr) continue;
    writer.key(member.name);
    write_value(writer, member.type, value);
  }
  writer.end_map();
}

template void write_structure(JsonWriter&, const Structure&, const void*);
template void write_structure(CborWriter&, const Structure&, const void*);

std::string encode(Encoding encoding, const Structure& structure, const void* object) {
  return encoding == Encoding::json ? encode_with<JsonWriter>(structure, object)
                                    : encode_with<CborWriter>(structure, object);
}

}  // namespace weir::kinesis
