#include "journal/rados/guarded_object.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/assert.h"

namespace weir::journal {
namespace {

ErrorCode code_of(ObjectFailure kind) noexcept {
  switch (kind) {
    case ObjectFailure::not_found: return ErrorCode::not_found;
    case ObjectFailure::already_exists: return ErrorCode::already_exists;
    case ObjectFailure::no_space: return ErrorCode::no_space;
    case ObjectFailure::refused:
    case ObjectFailure::unknown:
    case ObjectFailure::failed: break;
  }
  return ErrorCode::io;
}

// The rest needs a look at the object: it may have happened, or an earlier attempt may.
bool is_settled(ObjectFailure kind) noexcept {
  return kind == ObjectFailure::no_space || kind == ObjectFailure::failed;
}

std::unexpected<Error> overtaken(const std::string& object, Epoch mine) {
  return fail(ErrorCode::fenced, object + ": epoch " + std::to_string(mine.value) + " was overtaken");
}

std::uint64_t size_after(std::uint64_t size, const ObjectWrite& change) noexcept {
  if (change.truncate_to) size = *change.truncate_to;
  std::uint64_t end = change.offset;
  for (const BytesView part : change.parts) end += part.size();
  return end > change.offset ? std::max(size, end) : size;
}

}  // namespace

std::unexpected<Error> object_failure(const std::string& object, const ObjectError& error) {
  std::string what =
      error.kind == ObjectFailure::unknown ? "no answer in time" : std::generic_category().message(error.error_number);
  return fail(code_of(error.kind), object + ": " + std::move(what));
}

// What the object says of the attempts from `first_counter` on. Unless they are fenced, the next write may follow.
env::Task<Result<Verdict>> GuardedObject::learn(std::uint64_t first_counter) {
  tag_.reset();
  const auto state = co_await writer_.pool.state(writer_.core, name_);
  if (!state) co_return object_failure(name_, state.error());
  const auto owner = parse_owner(*state);
  if (!owner) co_return fail_while(name_, owner.error());
  const Verdict verdict = judge(*owner, {writer_.epoch, writer_.owner, first_counter});
  size_bytes_ = state->size_bytes;
  if (verdict == Verdict::applied || verdict == Verdict::retry) tag_ = owner->tag;
  if (verdict == Verdict::applied) is_in_doubt_ = false;
  co_return verdict;
}

void GuardedObject::note_written(const ObjectWrite& change, const ObjectTag& tag) {
  tag_ = tag;
  is_in_doubt_ = false;
  size_bytes_ = size_after(size_bytes_, change);
}

env::Task<Result<void>> GuardedObject::create(ObjectWrite first) {
  first.create = true;
  first.set_epoch = true;
  first.epoch = writer_.epoch;
  const std::uint64_t first_counter = writer_.counter + 1;
  Error last{ErrorCode::io, name_ + ": not created"};
  for (std::uint32_t attempt = 0; attempt < writer_.attempts_max; ++attempt) {
    const ObjectTag tag = writer_.next_tag();
    first.set_tag = to_string(tag);
    const auto done = co_await writer_.pool.write(writer_.core, name_, first);
    if (done) {
      note_written(first, tag);
      co_return Result<void>{};
    }
    last = object_failure(name_, done.error()).error();
    if (is_settled(done.error().kind)) break;
    const auto verdict = co_await learn(first_counter);
    if (verdict && *verdict == Verdict::applied) co_return Result<void>{};
    if (verdict) co_return *verdict == Verdict::fenced ? overtaken(name_, writer_.epoch) : std::unexpected(last);
    if (verdict.error().code == ErrorCode::corrupt) co_return std::unexpected(verdict.error());
  }
  co_return std::unexpected(std::move(last));
}

env::Task<Result<void>> GuardedObject::raise(EpochGuard guard) {
  WEIR_ASSERT(guard == EpochGuard::above || guard == EpochGuard::not_below);
  const std::uint64_t first_counter = writer_.counter + 1;
  Error last;
  for (std::uint32_t attempt = 0; attempt < writer_.attempts_max; ++attempt) {
    ObjectWrite write{.epoch_guard = guard, .epoch = writer_.epoch, .set_epoch = true};
    write.set_tag = to_string(writer_.next_tag());
    const auto done = co_await writer_.pool.write(writer_.core, name_, std::move(write));
    if (!done && (is_settled(done.error().kind) || done.error().kind == ObjectFailure::not_found)) {
      co_return object_failure(name_, done.error());
    }
    last =
        done ? Error{ErrorCode::io, name_ + ": taken over, but not read"} : object_failure(name_, done.error()).error();
    const auto verdict = co_await learn(first_counter);
    if (!verdict) {
      if (verdict.error().code != ErrorCode::io) co_return std::unexpected(verdict.error());
      continue;
    }
    if (*verdict == Verdict::fenced) co_return overtaken(name_, writer_.epoch);
    // `retry`: raised by an earlier call of this owner, which is as good.
    if (*verdict != Verdict::not_ours) co_return Result<void>{};
  }
  co_return std::unexpected(std::move(last));
}

env::Task<Result<void>> GuardedObject::write(ObjectWrite change) {
  const std::uint64_t first_counter = writer_.counter + 1;
  Error last{ErrorCode::io, name_ + ": not written"};
  bool may_have_happened = false;
  for (std::uint32_t attempt = 0;; ++attempt) {
    if (!tag_) {
      const auto verdict = co_await learn(first_counter);
      if (!verdict && verdict.error().code != ErrorCode::io) co_return std::unexpected(verdict.error());
      if (verdict && *verdict == Verdict::applied) co_return Result<void>{};
      if (verdict && *verdict == Verdict::fenced) {
        // `fenced` promises that nothing was written. Here the new owner may have found it.
        auto fenced = overtaken(name_, writer_.epoch);
        if (may_have_happened) fenced.error().code = ErrorCode::io;
        co_return fenced;
      }
      if (verdict && *verdict == Verdict::not_ours) {
        co_return fail(ErrorCode::corrupt, name_ + ": has an older epoch again");
      }
      if (!verdict) last = verdict.error();
    }
    if (attempt >= writer_.attempts_max) co_return std::unexpected(std::move(last));
    if (!tag_) continue;
    ObjectWrite guarded = change;
    guarded.epoch_guard = EpochGuard::equal;
    guarded.epoch = writer_.epoch;
    guarded.expected_tag = to_string(*tag_);
    const ObjectTag tag = writer_.next_tag();
    guarded.set_tag = to_string(tag);
    const auto done = co_await writer_.pool.write(writer_.core, name_, std::move(guarded));
    if (done) {
      note_written(change, tag);
      co_return Result<void>{};
    }
    last = object_failure(name_, done.error()).error();
    may_have_happened = may_have_happened || done.error().kind == ObjectFailure::unknown;
    if (done.error().kind != ObjectFailure::no_space) {
      is_in_doubt_ = true;
      tag_.reset();
    }
    if (is_settled(done.error().kind)) co_return std::unexpected(std::move(last));
  }
}

}  // namespace weir::journal
