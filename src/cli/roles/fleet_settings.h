// Settings of a process that is one of a fleet: who it is, where it listens for the others, and where they are.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/settings.h"
#include "env/network.h"

namespace weir::cli {

struct FleetSettings {
  explicit FleetSettings(SettingsRegistry& registry)
      : process(registry, "fleet.process", "", "Name of this process, unique among those of its role."),
        name(registry, "fleet.name", "default", "Of a front end: the front-end fleet that it belongs to."),
        cell(registry, "fleet.cell", 0, {.least = 0, .most = 63}, "Of a node: the number of its cell."),
        address(registry, "fleet.address", "127.0.0.1",
                "Numeric address on which a directory or a node serves the other processes of the fleet."),
        port(registry, "fleet.port", 4570, {.least = 0, .most = 65535}, "Port for the other processes of the fleet."),
        directories(registry, "fleet.directories", "",
                    "The directories, as address:port with commas between. A directory names the others and itself."),
        etcd(registry, "fleet.etcd", "127.0.0.1:2379",
             "Of a directory: the members of the etcd cluster, as address:port with commas between."),
        etcd_prefix(registry, "fleet.etcd_prefix", "weir/", "Of a directory: all keys in etcd begin with it."),
        certificate_file(registry, "fleet.certificate_file", "",
                         "PEM file of this process's certificate, from `weir cert issue`."),
        key_file(registry, "fleet.key_file", "", "PEM file of its private key, mode 0600."),
        authority_file(registry, "fleet.authority_file", "",
                       "PEM file of the authority that signs the certificates of the fleet."),
        secrets_key_file(registry, "fleet.secrets_key_file", "",
                         "Of a front end: file of the keys that encrypt the secrets of access keys, from `weir cert "
                         "secrets-key`, mode 0600, read again when it changes. With it access keys come from the "
                         "directory, otherwise from server.credentials_file."),
        engine(registry, "cell.engine", "files",
               "Where a node keeps segments: files (its data directory; for a cell of one node) or rados."),
        rados_configuration_file(registry, "rados.configuration_file", "", "Ceph's configuration file."),
        rados_pool(registry, "rados.pool", "weir", "The pool of the cell, which must exist."),
        rados_authenticates(registry, "rados.authenticates", true, "Whether the Ceph cluster asks for a key (cephx)."),
        rados_lane_capacity_bytes(
            registry, "rados.lane_capacity_bytes", 0, {0, 1024ULL * 1024 * gibibyte},
            "What one lane may keep in the pool, copies not counted; beyond it writes are refused, to be tried again, "
            "while reads and retention go on. 0: what the cluster says is free, and no limit where it does not say, as "
            "without a manager. A cluster that runs full stops: all lanes of all cells on it, times the copies, should "
            "come to at most 60 % of its disks.") {}

  Setting<std::string> process;
  Setting<std::string> name;
  Setting<std::uint64_t> cell;
  Setting<std::string> address;
  Setting<std::uint64_t> port;
  Setting<std::string> directories;
  Setting<std::string> etcd;
  Setting<std::string> etcd_prefix;
  Setting<std::string> certificate_file;
  Setting<std::string> key_file;
  Setting<std::string> authority_file;
  Setting<std::string> secrets_key_file;
  Setting<std::string> engine;
  Setting<std::string> rados_configuration_file;
  Setting<std::string> rados_pool;
  Setting<bool> rados_authenticates;
  Setting<std::uint64_t> rados_lane_capacity_bytes;
};

// Whether a lane of this capacity, 0 for none, could hold anything: the journal keeps a reserve free and reserves whole
// segments. Errors: invalid_argument, naming the setting and what it needs.
[[nodiscard]] Result<void> check_lane_capacity(std::uint64_t capacity_bytes, std::uint64_t reserve_bytes,
                                               std::uint64_t segment_bytes);

// "address:port,[v6]:port": at least one. Errors: invalid_argument, naming the setting.
[[nodiscard]] Result<std::vector<env::Endpoint>> parse_endpoints(std::string_view setting, std::string_view text);

}  // namespace weir::cli
