// Which characters tags may have (API reference, AddTagsToStream). Lengths and counts are checked elsewhere.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/operations/common.h"

namespace weir::frontend {

[[nodiscard]] std::map<std::string, std::string> to_tags(const kinesis::TextMap& tags);
// The error for the first tag with characters that are not allowed, or with the reserved prefix aws:.
[[nodiscard]] std::optional<kinesis::ApiError> check_tag_characters(const OperationCall& call,
                                                                    const std::map<std::string, std::string>& tags,
                                                                    std::string_view stream_name);
// The same for keys to be removed.
[[nodiscard]] std::optional<kinesis::ApiError> check_tag_key_characters(const OperationCall& call,
                                                                        const std::vector<std::string>& keys,
                                                                        std::string_view stream_name);

}  // namespace weir::frontend
