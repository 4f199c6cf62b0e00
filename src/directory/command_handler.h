// CommandHandler: the directory's side of the method `command`. While its process leads, commands go to class
// Directory; else the caller is told who leads.
//
// Threading: belongs to the core `home`, the directory's; handle() may be called on any core.
#pragma once

#include <functional>
#include <optional>

#include "base/bytes.h"
#include "directory/command_codec.h"
#include "directory/directory.h"
#include "directory/rpc_paths.h"
#include "env/core.h"
#include "env/event.h"
#include "env/network.h"
#include "net/http.h"

namespace weir::directory {

inline constexpr std::size_t command_bytes_max = mebibyte;
inline constexpr std::size_t commands_in_flight_max = 4'096;

class CommandHandler {
 public:
  // `leader`: where the leader answers, as far as this process knows. Asked on home.
  CommandHandler(env::Core& home, std::function<std::optional<env::Endpoint>()> leader)
      : home_(home), leader_(std::move(leader)), idle_(home) {}
  CommandHandler(const CommandHandler&) = delete;
  CommandHandler& operator=(const CommandHandler&) = delete;
  ~CommandHandler();  // after stop_leading(), if it led

  // From here on commands go to `directory`, until stop_leading() has returned: no command is under way then.
  void lead(Directory& directory);
  [[nodiscard]] env::Task<void> stop_leading();

  // Answers POST command_path; 400 for what is no command, 503 for too many at once. Comes back on `caller`.
  [[nodiscard]] env::Task<net::HttpResponse> handle(env::Core& caller, BytesView body);

 private:
  [[nodiscard]] env::Task<CommandAnswer> answer(StreamCommand command);

  env::Core& home_;
  std::function<std::optional<env::Endpoint>()> leader_;
  Directory* directory_ = nullptr;  // null: does not lead
  std::size_t in_flight_ = 0;
  env::Event idle_;
};

}  // namespace weir::directory
