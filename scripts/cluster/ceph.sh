#!/usr/bin/env bash
# A small Ceph cluster on this machine, for tests and drills: one monitor, a few OSDs, all on the loopback interface, as
# plain processes with their files in one directory.
#
#   ceph.sh start DIR            makes the cluster when DIR holds none, starts it, waits for an acknowledged write
#   ceph.sh stop DIR [wipe]      ends it in good order; wipe: and removes DIR
#   ceph.sh kill-osd DIR N       kill -9
#   ceph.sh start-osd DIR N
#   ceph.sh pause-osds DIR       all OSDs stop answering (SIGSTOP) ...
#   ceph.sh resume-osds DIR      ... and go on
#   ceph.sh kill-all DIR         kill -9 of everything, as a power cut would
#   ceph.sh start-all DIR        the same as start
#   ceph.sh run DIR COMMAND...   runs a command (ceph, rados) against the cluster
#
# The environment says what to make: OSDS (3), COPIES (3), MIN_COPIES (2), STORE (bluestore; memstore keeps everything in
# memory and loses it when killed), OSD_SIZE (bytes, 4 GiB, sparse), POOL (weir), PORT (the first of a range of 100;
# default: a free one), EXTRA (more lines for the [global] section). Afterwards clients need DIR/ceph.conf.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
command=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
conf=$dir/ceph.conf
PATH=$PATH:/usr/sbin:/sbin
unset CEPH_ARGS
export CEPH_CONF=$conf

free_port() {
  local base attempt used
  used=$(awk 'FNR > 1 && $4 == "0A" {split($2, a, ":"); print a[2]}' /proc/net/tcp | while read -r hex; do echo $((16#$hex)); done)
  for attempt in $(seq 200); do
    base=$((15000 + (RANDOM % 150) * 100))
    awk -v base="$base" '$1 >= base && $1 < base + 100 {exit 1}' <<<"$used" && { echo "$base"; return; }
  done
  echo "no free range of ports" >&2
  return 1
}

write_conf() {
  local port=${PORT:-$(free_port)} quiet
  {
    cat <<END
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_host = [v2:127.0.0.1:$port]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
public_network = 127.0.0.0/8
ms_bind_ipv6 = false
ms_bind_msgr1 = false
ms_bind_port_min = $((port + 10))
ms_bind_port_max = $((port + 99))
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
keyring = $dir/keyring
run_dir = $dir
crash_dir = $dir/crash
mon_cluster_log_file = $dir/cluster.log
osd_pool_default_size = ${COPIES:-3}
osd_pool_default_min_size = ${MIN_COPIES:-2}
osd_pool_default_pg_autoscale_mode = off
# All OSDs are on one host, and any two of them may report a third.
osd_crush_chooseleaf_type = 0
mon_osd_reporter_subtree_level = osd
mon_osd_min_down_reporters = 2
# A dead or hung OSD is noticed within seconds.
osd_heartbeat_interval = 1
osd_heartbeat_grace = 3
osd_mon_heartbeat_interval = 1
osd_mon_report_interval = 1
mon_osd_adjust_heartbeat_grace = false
mon_tick_interval = 1
mon_osd_down_out_interval = 600
paxos_propose_interval = 0.1
paxos_min_wait = 0.02
objecter_timeout = 1
objecter_tick_interval = 1
# An OSD that is full to the brim does not start any more.
mon_osd_nearfull_ratio = 0.65
mon_osd_backfillfull_ratio = 0.75
mon_osd_full_ratio = 0.8
mon_allow_pool_delete = true
mon_data_avail_warn = 2
mon_data_avail_crit = 1
END
    for quiet in ms osd mon monc paxos bluestore bluefs bdev rocksdb objecter heartbeatmap asok auth finisher filestore; do
      echo "debug_$quiet = 0/0"
    done
    [ -z "${EXTRA:-}" ] || printf '%s\n' "$EXTRA"
    cat <<END
[client]
log_file =
[mon.a]
host = localhost
mon_data = $dir/mon.a
log_file = $dir/mon.a.log
admin_socket = $dir/mon.a.asok
[osd]
osd_data = $dir/osd.\$id
log_file = $dir/osd.\$id.log
admin_socket = $dir/osd.\$id.asok
osd_objectstore = ${STORE:-bluestore}
memstore_device_bytes = ${OSD_SIZE:-4294967296}
bluestore_block_size = ${OSD_SIZE:-4294967296}
bluestore_block_create = true
bluestore_cache_autotune = false
bluestore_cache_size = 67108864
bluestore_rocksdb_options = compression=kNoCompression,max_write_buffer_number=4,write_buffer_size=16777216,max_background_compactions=1
osd_op_num_shards = 2
osd_op_num_threads_per_shard = 1
osd_recovery_sleep_hdd = 0
osd_delete_sleep_hdd = 0
osd_crush_initial_weight = 1
osd_class_load_list = *
osd_class_default_list = *
END
  } >"$conf.new"
  mv "$conf.new" "$conf"
}

osd_numbers() { find "$dir" -maxdepth 1 -name 'osd.*.uuid' | sed 's/.*osd\.\([0-9]*\)\.uuid/\1/' | sort -n; }

# spawn NAME PROGRAM ARGUMENT...: in a process group of its own, its process id in DIR/NAME.pid. In the session of all
# others: Linux shares processors out among sessions first, and what gives way is to give way to the whole cluster.
spawn() {
  local name=$1
  shift
  set -m
  "$@" -c "$conf" >"$dir/$name.out" 2>&1 </dev/null &
  set +m
  echo $! >"$dir/$name.pid"
}

# The process of NAME, when it still runs and is really ours.
pid_of() {
  local pid
  pid=$(cat "$dir/$1.pid" 2>/dev/null) || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$conf" || return 1
  echo "$pid"
}

# signal SIGNAL NAME...: and for signals that end a process, waits until it has.
signal() {
  local signal=$1 name pid
  shift
  for name in "$@"; do
    pid=$(pid_of "$name") || continue
    kill "-$signal" "$pid" 2>/dev/null || true
  done
  case $signal in STOP | CONT) return ;; esac
  for name in "$@"; do
    pid=$(pid_of "$name") || { rm -f "$dir/$name.pid"; continue; }
    for _ in $(seq 200); do pid_of "$name" >/dev/null || break; sleep 0.05; done
    pid_of "$name" >/dev/null && kill -KILL "$pid"
    rm -f "$dir/$name.pid"
  done
}

osd_names() { osd_numbers | sed 's/^/osd./'; }

start_osd() { pid_of "osd.$1" >/dev/null || spawn "osd.$1" ceph-osd -f -i "$1"; }

make_cluster() {
  local fsid number
  write_conf
  : >"$dir/keyring"
  fsid=$(sed -n 's/^fsid = //p' "$conf")
  monmaptool --create --fsid "$fsid" --addv a "$(sed -n 's/^mon_host = //p' "$conf")" "$dir/monmap" >/dev/null
  mkdir -p "$dir/mon.a"
  ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap" >"$dir/mon.a.mkfs" 2>&1
  for number in $(seq 0 $((${OSDS:-3} - 1))); do
    cat /proc/sys/kernel/random/uuid >"$dir/osd.$number.uuid"
    mkdir -p "$dir/osd.$number"
    ceph-osd -c "$conf" -i "$number" --mkfs --no-mon-config --monmap "$dir/monmap" \
      --osd-uuid "$(cat "$dir/osd.$number.uuid")" >"$dir/osd.$number.mkfs" 2>&1 &
  done
  wait
}

# Tells the monitor of a new cluster about its OSDs and makes the pool. One start of the slow command line for all of it.
introduce() {
  local number pool=${POOL:-weir}
  {
    for number in $(osd_numbers); do echo "osd new $(cat "$dir/osd.$number.uuid") $number"; done
    echo "osd pool create $pool 32 32 replicated"
    echo "osd pool application enable $pool weir"
  } | timeout 60 ceph >"$dir/introduce.out" 2>&1
  echo "$pool" >"$dir/pool"
}

wait_until_ready() {
  local up wanted attempt
  wanted=$(osd_numbers | wc -l)
  for attempt in $(seq 100); do
    up=$(timeout 10 ceph osd stat -f json 2>/dev/null | grep -o '"num_up_osds":[0-9]*' | cut -d: -f2) || true
    [ "${up:-0}" -ge "$wanted" ] && break
    sleep 0.2
  done
  # After a crash the monitor may still count OSDs that are gone: only an acknowledged write is proof.
  if ! echo ready | timeout 60 rados -p "$(cat "$dir/pool")" put weir.ready - >/dev/null; then
    echo "the cluster in $dir does not acknowledge a write; see $dir/*.log" >&2
    exit 1
  fi
  timeout 10 rados -p "$(cat "$dir/pool")" rm weir.ready
}

start() {
  local is_new= number
  ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
  if [ ! -e "$conf" ]; then
    is_new=yes
    make_cluster
  fi
  pid_of mon.a >/dev/null || spawn mon.a ceph-mon -f -i a
  for _ in $(seq 100); do [ -S "$dir/mon.a.asok" ] && break; sleep 0.05; done
  [ -z "$is_new" ] || introduce
  for number in $(osd_numbers); do start_osd "$number"; done
  wait_until_ready
}

case $command in
  start | start-all) start ;;
  stop)
    # OSDs first, so that the monitor notes that they are down.
    signal CONT $(osd_names)
    signal TERM $(osd_names)
    signal TERM mon.a
    if [ "${1:-}" = wipe ] && [ -e "$conf" ]; then rm -rf "$dir"; fi
    ;;
  kill-osd) signal KILL "osd.$1" ;;
  start-osd) start_osd "$1" ;;
  pause-osds) signal STOP $(osd_names) ;;
  resume-osds) signal CONT $(osd_names) ;;
  kill-all) signal KILL $(osd_names) mon.a ;;
  run) "$@" ;;
  *) echo "ceph.sh: no such command: $command" >&2; exit 2 ;;
esac
