// Short forms for tests of the RADOS segment store.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "env/core.h"
#include "journal/rados/rados_segment_store.h"

namespace weir::journal {

// Lane 3 of a cell. `capacity_bytes` and `attempts_max`: as in the options.
inline env::Task<Result<std::unique_ptr<SegmentStore>>> open_rados(env::Core& core, ObjectPool& pool,
                                                                   std::uint64_t epoch,
                                                                   std::uint64_t capacity_bytes = 0,
                                                                   std::uint32_t attempts_max = 3) {
  co_return co_await open_rados_segment_store(core, pool,
                                              {.cell_name = "cell-1",
                                               .lane = {3},
                                               .epoch = {epoch},
                                               .capacity_bytes = capacity_bytes,
                                               .attempts_max = attempts_max,
                                               .copy_bytes = 700});
}

inline env::Task<Result<void>> append(SegmentStore& store, std::uint64_t number, std::uint64_t offset,
                                      std::string text) {
  const BytesView parts[] = {as_bytes(text)};
  co_return co_await store.append({number}, offset, parts);
}

inline env::Task<Result<void>> replace(SegmentStore& store, std::uint64_t number, std::string text) {
  const BytesView parts[] = {as_bytes(text).first(text.size() / 3), as_bytes(text).subspan(text.size() / 3)};
  co_return co_await store.replace({number}, parts);
}

// The whole segment, or "error: " and the error's code.
inline env::Task<std::string> read_text(SegmentStore& store, std::uint64_t number) {
  std::string text(1'000'000, '?');
  const auto got = co_await store.read({number}, 0, std::as_writable_bytes(std::span(text)));
  if (!got) co_return std::string("error: ") + std::string(to_string(got.error().code));
  text.resize(*got);
  co_return text;
}

}  // namespace weir::journal
