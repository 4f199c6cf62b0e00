// How `weir admin status` shows what the directories know. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "cli/admin/directory_caller.h"

namespace weir::cli {

// What an operator should look at, the worst first, each a sentence.
[[nodiscard]] std::vector<std::string> warnings_of(const StatusAnswers& answers);
// Warnings, then tables: ends with a line feed.
[[nodiscard]] std::string status_text(const StatusAnswers& answers);
// One JSON object on one line.
[[nodiscard]] std::string status_json(const StatusAnswers& answers);

}  // namespace weir::cli
