// The methods of the directory's leader that change and list fleets, accounts and access keys.
#pragma once

#include <string>
#include <string_view>

#include "directory/directory.h"
#include "directory/tenants/tenant_messages.h"

namespace weir::cli {

[[nodiscard]] bool is_tenant_path(std::string_view path) noexcept;
// A FleetReply as bytes. `path` is such a path. On the directory's core; path and body live until it returns.
[[nodiscard]] env::Task<std::string> answer_tenant_call(directory::Directory& directory, std::string_view path,
                                                        std::string_view body);

}  // namespace weir::cli
