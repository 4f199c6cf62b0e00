// An object pool in memory, with the failures of a real one: answers that get lost, writes that take effect long after
// they were given up, a full disk. One core, in a simulation.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/sim/seeded_random.h"
#include "env/task_group.h"
#include "journal/rados/object_pool.h"
#include "journal/rados/object_tag.h"

namespace weir::journal {

struct MemoryObject {
  std::vector<std::byte> bytes;
  std::string epoch;
  std::string tag;
  std::map<std::string, std::string> entries;
  friend bool operator==(const MemoryObject&, const MemoryObject&) = default;
};

class MemoryObjectPool final : public ObjectPool {
 public:
  enum class Fate : std::uint8_t {
    answered,
    answer_lost,   // it happens, and nobody hears of it
    request_lost,  // it does not happen
    late,          // it is given up, and happens later
    held,          // it is given up, and happens when the test says so
  };

  MemoryObjectPool(env::Core& core, std::uint64_t seed) : random_(seed, 0x706f6f6c), tasks_(core) {}

  std::map<std::string, MemoryObject> objects;
  double fault_chance = 0;  // that an operation is not answered
  std::uint64_t page_entries = 3;
  bool is_full = false;
  // Decides about single writes before chance does; may be empty.
  std::function<Fate(const std::string& object, const ObjectWrite& write)> choose;
  std::uint64_t writes = 0;  // that took effect

  // What was held takes effect, if its guards allow that. True when one did.
  bool release_held() {
    bool happened = false;
    for (const auto& [object, write] : std::exchange(held_, {}))
      happened = apply(object, *write).has_value() || happened;
    return happened;
  }
  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }
  // Waits until everything late has happened.
  env::Task<void> wait() { co_await tasks_.wait(); }

  env::Task<ObjectResult<void>> write(env::Core& core, std::string object, ObjectWrite write) override {
    Fate fate = Fate::answered;
    if (choose) fate = choose(object, write);
    if (fate == Fate::answered && random_.chance(fault_chance)) fate = static_cast<Fate>(random_.between(1, 3));
    co_await core.sleep_for(microseconds(random_.between(1, 50)));
    switch (fate) {
      case Fate::answered: {
        auto done = apply(object, write);
        co_await core.sleep_for(microseconds(random_.between(1, 50)));
        co_return done;
      }
      case Fate::answer_lost: static_cast<void>(apply(object, write)); break;
      case Fate::request_lost: break;
      case Fate::late: tasks_.spawn(apply_later(core, object, keep(write), milliseconds(random_.below(100)))); break;
      case Fate::held: held_.emplace_back(object, keep(write)); break;
    }
    co_await core.sleep_for(milliseconds(10));
    co_return std::unexpected(ObjectError{ObjectFailure::unknown, ETIMEDOUT});
  }

  env::Task<ObjectResult<std::size_t>> read(env::Core& core, std::string object, std::uint64_t offset,
                                            MutableBytes out) override {
    co_await core.sleep_for(microseconds(random_.between(1, 50)));
    const auto at = objects.find(object);
    if (at == objects.end()) co_return std::unexpected(ObjectError{ObjectFailure::not_found, ENOENT});
    const std::vector<std::byte>& bytes = at->second.bytes;
    if (offset >= bytes.size()) co_return std::size_t{0};
    const std::size_t length = std::min<std::size_t>(out.size(), bytes.size() - offset);
    std::memcpy(out.data(), bytes.data() + offset, length);
    co_return length;
  }

  env::Task<ObjectResult<ObjectState>> state(env::Core& core, std::string object) override {
    co_await core.sleep_for(microseconds(random_.between(1, 50)));
    if (random_.chance(fault_chance)) co_return std::unexpected(ObjectError{ObjectFailure::unknown, ETIMEDOUT});
    const auto at = objects.find(object);
    if (at == objects.end()) co_return std::unexpected(ObjectError{ObjectFailure::not_found, ENOENT});
    co_return ObjectState{at->second.bytes.size(), at->second.epoch, at->second.tag};
  }

  env::Task<ObjectResult<ObjectEntries>> entries(env::Core& core, std::string object, std::string after) override {
    co_await core.sleep_for(microseconds(random_.between(1, 50)));
    const auto at = objects.find(object);
    if (at == objects.end()) co_return std::unexpected(ObjectError{ObjectFailure::not_found, ENOENT});
    ObjectEntries page;
    for (auto next = at->second.entries.upper_bound(after); next != at->second.entries.end(); ++next) {
      page.has_more = page.entries.size() == page_entries;
      if (page.has_more) break;
      page.entries.insert(*next);
    }
    co_return page;
  }

  env::Task<Result<env::DiskSpace>> space(env::Core& /*core*/) override {
    co_return fail(ErrorCode::unavailable, "this cluster does not count");
  }

 private:
  // A write with its own copy of the content.
  struct KeptWrite : ObjectWrite {
    std::vector<std::byte> content;
    BytesView view;
  };

  static std::shared_ptr<const ObjectWrite> keep(const ObjectWrite& write) {
    auto kept = std::make_shared<KeptWrite>();
    static_cast<ObjectWrite&>(*kept) = write;
    for (const BytesView part : write.parts) kept->content.insert(kept->content.end(), part.begin(), part.end());
    kept->view = kept->content;
    kept->parts = {};
    if (!write.parts.empty()) kept->parts = {&kept->view, 1};
    return kept;
  }

  env::Task<void> apply_later(env::Core& core, std::string object, std::shared_ptr<const ObjectWrite> write,
                              Duration delay) {
    co_await core.sleep_for(delay);
    static_cast<void>(apply(object, *write));
  }

  static bool holds(const MemoryObject& object, const ObjectWrite& write) {
    if (write.expected_tag && *write.expected_tag != object.tag) return false;
    if (write.epoch_guard == EpochGuard::none) return true;
    const auto epoch = parse_decimal(object.epoch);
    if (!epoch) return false;
    if (write.epoch_guard == EpochGuard::equal) return write.epoch.value == *epoch;
    if (write.epoch_guard == EpochGuard::above) return write.epoch.value > *epoch;
    return write.epoch.value >= *epoch;
  }

  ObjectResult<void> apply(const std::string& name, const ObjectWrite& write) {
    const auto error = [](ObjectFailure kind, int number) { return std::unexpected(ObjectError{kind, number}); };
    const auto at = objects.find(name);
    const bool is_guarded = write.expected_tag || write.epoch_guard != EpochGuard::none;
    if (at == objects.end() && (is_guarded || write.remove)) return error(ObjectFailure::not_found, ENOENT);
    if (at != objects.end() && write.create) return error(ObjectFailure::already_exists, EEXIST);
    if (at != objects.end() && !holds(at->second, write)) return error(ObjectFailure::refused, ECANCELED);
    if (write.remove) {
      objects.erase(at);
      ++writes;
      return {};
    }
    MemoryObject changed = at == objects.end() ? MemoryObject{} : at->second;
    change(changed, write);
    const bool grows = at == objects.end() || changed.bytes.size() > at->second.bytes.size();
    if (is_full && grows) return error(ObjectFailure::no_space, ENOSPC);
    objects[name] = std::move(changed);
    ++writes;
    return {};
  }

  static void change(MemoryObject& object, const ObjectWrite& write) {
    if (write.truncate_to) object.bytes.resize(*write.truncate_to);
    std::uint64_t offset = write.offset;
    for (const BytesView part : write.parts) {
      object.bytes.resize(std::max<std::uint64_t>(object.bytes.size(), offset + part.size()));
      std::memcpy(object.bytes.data() + offset, part.data(), part.size());
      offset += part.size();
    }
    if (write.set_epoch) object.epoch = std::to_string(write.epoch.value);
    if (write.set_tag) object.tag = *write.set_tag;
    for (const std::string& key : write.remove_entries) object.entries.erase(key);
    for (const auto& [key, value] : write.set_entries) object.entries.insert_or_assign(key, value);
  }

  env::SeededRandom random_;
  env::TaskGroup tasks_;
  std::vector<std::pair<std::string, std::shared_ptr<const ObjectWrite>>> held_;
};

}  // namespace weir::journal
