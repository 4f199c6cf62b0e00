// Shapes: one constexpr description of each structure of the API, from which decoding, type checks, validation and
// encoding are all done. Adding an operation means writing its structs and their descriptions, nothing else.
//
//   struct DeleteStreamInput {
//     std::optional<std::string_view> stream_name;
//     std::optional<bool> enforce_consumer_deletion;
//   };
//   template <>
//   inline constexpr auto definition_of<DeleteStreamInput> = shape("DeleteStreamInput",
//       member<&DeleteStreamInput::stream_name>("StreamName", constraint::stream_name),
//       member<&DeleteStreamInput::enforce_consumer_deletion>("EnforceConsumerDeletion"));
//
// A member is `std::optional<T>` where it may be absent, plain `T` where it is always there (outputs only). T is one of
//   std::string_view, std::string   text; a view points into the request body
//   BytesView                       blob, likewise
//   bool, std::int32_t, std::int64_t, WallTime
//   Choice<E>                       text that must be one of the names of E
//   std::vector<T>, TextMap, or a struct that has a description
// Members stand in the order in which violations are reported (API reference §1.10).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "kinesis/constraints.h"

namespace weir::kinesis {

enum class Kind : std::uint8_t {
  text,
  owned_text,
  blob,
  boolean,
  integer,
  long_integer,
  timestamp,
  choice,
  list,
  map,
  structure,
};

// A text from a closed set. `text` is what was sent, `value` means something only when `known`; a validated input is.
template <class E>
struct Choice {
  Choice() = default;
  Choice(E choice);  // NOLINT(google-explicit-constructor): outputs are set from the enumeration
  [[nodiscard]] operator E() const noexcept { return value; }  // NOLINT(google-explicit-constructor)
  std::string_view text;
  E value{};
  bool known = false;
};

// The names of E's values, in their order. Specialised beside each enumeration.
template <class E>
inline constexpr std::array<std::string_view, 0> names_of{};

// The same names in the order in which a violation lists them, where AWS lists them in another.
template <class E>
inline constexpr auto printed_names_of = names_of<E>;

template <class E>
Choice<E>::Choice(E choice) : text(names_of<E>[static_cast<std::size_t>(choice)]), value(choice), known(true) {}

struct MapEntry {
  std::string_view key;
  std::optional<std::string_view> value;
};
using TextMap = std::vector<MapEntry>;

struct Structure;
struct ListType;
struct ChoiceType;

struct Type {
  Kind kind = Kind::text;
  const Structure* structure = nullptr;
  const ListType* list = nullptr;
  const ChoiceType* choice = nullptr;
};

// How to work on a std::vector<T> without knowing T.
struct ListType {
  Type item;
  void (*clear)(void* list, std::size_t reserve);
  void* (*append)(void* list);
  std::size_t (*size)(const void* list);
  const void* (*at)(const void* list, std::size_t position);
};

struct ChoiceType {
  std::span<const std::string_view> printed_names;
  void (*set)(void* choice, std::string_view text);
  std::string_view (*text)(const void* choice);
  bool (*known)(const void* choice);
};

struct Member {
  std::string_view name;
  Type type;
  Constraints constraints;
  const void* (*get)(const void* object);  // the value; null when absent
  void* (*make)(void* object);             // makes the value present and returns it
  void (*reset)(void* object);             // makes it absent
};

struct Structure {
  std::string_view name;
  std::span<const Member> members;
};

template <std::size_t N>
struct Shape {
  std::string_view name;
  std::array<Member, N> members;
};

namespace detail {

template <class T>
struct Undescribed : std::false_type {};
template <class T>
consteval Shape<0> undescribed() {
  static_assert(Undescribed<T>::value, "this struct has no shape: specialise definition_of");
  return {};
}

template <class T>
struct Optional : std::false_type {
  using Value = T;
};
template <class T>
struct Optional<std::optional<T>> : std::true_type {
  using Value = T;
};
template <class T>
struct Vector : std::false_type {};
template <class T>
struct Vector<std::vector<T>> : std::true_type {
  using Item = T;
};
template <class T>
struct IsChoice : std::false_type {};
template <class E>
struct IsChoice<Choice<E>> : std::true_type {
  using Enumeration = E;
};
template <class T>
struct MemberPointer;
template <class Class, class Value>
struct MemberPointer<Value Class::*> {
  using Object = Class;
  using Held = Value;
};

}  // namespace detail

// The description of T. Specialised beside each struct.
template <class T>
inline constexpr auto definition_of = detail::undescribed<T>();

template <class T>
inline constexpr Structure structure_of{definition_of<T>.name, definition_of<T>.members};

template <class E>
inline constexpr ChoiceType choice_type{
    printed_names_of<E>,
    [](void* to, std::string_view text) {
      auto& choice = *static_cast<Choice<E>*>(to);
      choice = {};
      choice.text = text;
      for (std::size_t i = 0; i < names_of<E>.size(); ++i) {
        if (names_of<E>[i] == text) choice = Choice<E>(static_cast<E>(i));
      }
    },
    [](const void* from) { return static_cast<const Choice<E>*>(from)->text; },
    [](const void* from) { return static_cast<const Choice<E>*>(from)->known; },
};

template <class T>
consteval Type type_of();

template <class T>
inline constexpr ListType list_type{
    type_of<T>(),
    [](void* list, std::size_t reserve) {
      static_cast<std::vector<T>*>(list)->clear();
      static_cast<std::vector<T>*>(list)->reserve(reserve);
    },
    [](void* list) -> void* { return &static_cast<std::vector<T>*>(list)->emplace_back(); },
    [](const void* list) { return static_cast<const std::vector<T>*>(list)->size(); },
    [](const void* list, std::size_t position) -> const void* {
      return &(*static_cast<const std::vector<T>*>(list))[position];
    },
};

template <class T>
consteval Type type_of() {
  if constexpr (std::is_same_v<T, std::string_view>)
    return {Kind::text};
  else if constexpr (std::is_same_v<T, std::string>)
    return {Kind::owned_text};
  else if constexpr (std::is_same_v<T, BytesView>)
    return {Kind::blob};
  else if constexpr (std::is_same_v<T, bool>)
    return {Kind::boolean};
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return {Kind::integer};
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return {Kind::long_integer};
  else if constexpr (std::is_same_v<T, WallTime>)
    return {Kind::timestamp};
  else if constexpr (std::is_same_v<T, TextMap>)
    return {Kind::map};
  else if constexpr (detail::IsChoice<T>::value)
    return {.kind = Kind::choice, .choice = &choice_type<typename detail::IsChoice<T>::Enumeration>};
  else if constexpr (detail::Vector<T>::value)
    return {.kind = Kind::list, .list = &list_type<typename detail::Vector<T>::Item>};
  else
    return {.kind = Kind::structure, .structure = &structure_of<T>};
}

// Describes the member at `Pointer`, called `name` on the wire.
template <auto Pointer>
consteval Member member(std::string_view name, Constraints constraints = {}) {
  using Object = typename detail::MemberPointer<decltype(Pointer)>::Object;
  using Held = typename detail::MemberPointer<decltype(Pointer)>::Held;
  using Value = typename detail::Optional<Held>::Value;
  constexpr bool optional = detail::Optional<Held>::value;
  return {
      name,
      type_of<Value>(),
      constraints,
      [](const void* object) -> const void* {
        const Held& held = static_cast<const Object*>(object)->*Pointer;
        if constexpr (optional)
          return held.has_value() ? &*held : nullptr;
        else
          return &held;
      },
      [](void* object) -> void* {
        Held& held = static_cast<Object*>(object)->*Pointer;
        if constexpr (optional)
          return &held.emplace();
        else
          return &held;
      },
      [](void* object) { static_cast<Object*>(object)->*Pointer = Held{}; },
  };
}

template <class... Members>
consteval auto shape(std::string_view name, Members... members) {
  return Shape<sizeof...(Members)>{name, {members...}};
}

}  // namespace weir::kinesis
