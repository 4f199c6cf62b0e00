#include "directory/settings.h"

#include "model/limits.h"

namespace weir::directory {

DirectorySettings::DirectorySettings(SettingsRegistry& registry)
    : create_time(registry, "directory.create_time", milliseconds(200), {milliseconds(0), hours(1)},
                  "how long a new stream stays in CREATING"),
      update_time(registry, "directory.update_time", milliseconds(200), {milliseconds(0), hours(1)},
                  "how long a stream stays in UPDATING for a split, a merge or a change of retention"),
      delete_time(registry, "directory.delete_time", milliseconds(200), {milliseconds(0), hours(1)},
                  "how long a deleted stream stays in DELETING"),
      expiry_interval(registry, "directory.expiry_interval", seconds(60), {milliseconds(10), hours(24)},
                      "how often closed shards are looked through for those whose retention has passed"),
      account_shards_max(registry, "directory.account_shards_max", model::limits::shards_per_account_default,
                         {1, 1'000'000},
                         "open shards of one account in one Region; more is answered with LimitExceededException"),
      account_creating_streams_max(registry, "directory.account_creating_streams_max",
                                   model::limits::streams_creating_max, {1, 100'000},
                                   "streams of one account in one Region in CREATING at once; more is answered with "
                                   "LimitExceededException"),
      account_on_demand_streams_max(registry, "directory.account_on_demand_streams_max",
                                    model::limits::on_demand_streams_default, {0, 100'000},
                                    "on-demand streams of one account in one Region; more is answered with "
                                    "LimitExceededException"),
      stream_tags_max(registry, "directory.stream_tags_max", model::limits::tags_per_stream_max, {0, 200},
                      "tags of one stream; more is answered with InvalidArgumentException"),
      streams_max(registry, "directory.streams_max", 20'000, {1, 1'000'000},
                  "streams of all accounts together; one more is answered with LimitExceededException"),
      shards_max(registry, "directory.shards_max", 100'000, {1, 4'000'000},
                 "shards of all streams together, closed ones that are still kept included; more is answered with "
                 "LimitExceededException"),
      fleets_max(registry, "directory.fleets_max", 128, {1, 1'024}, "fleets of front ends; one more is refused"),
      accounts_max(registry, "directory.accounts_max", 10'000, {1, 50'000},
                   "accounts that fleets name, those that are leaving one included; one more is refused. Accounts that "
                   "no fleet names do not count"),
      credentials_max(registry, "directory.credentials_max", 10'000, {1, 50'000},
                      "access keys of all accounts; one more is refused"),
      commands_waiting_max(registry, "directory.commands_waiting_max", 1'000, {1, 100'000},
                           "commands that wait for the one under way; one more is refused as unavailable") {}

}  // namespace weir::directory
