#!/usr/bin/env bash
# A small etcd cluster on this machine, for tests and drills: members as plain processes on the loopback interface, with
# their files in one directory.
#
#   etcd.sh start DIR [MEMBERS [PORT]]   makes the cluster when DIR holds none (1 member; 3 for one that survives the loss
#                                        of a member), starts what does not run, waits until a majority answers
#   etcd.sh stop DIR [wipe]              ends it in good order; wipe: and removes DIR
#   etcd.sh kill DIR N                   kill -9 of member N (0, 1, ...)
#   etcd.sh kill-all DIR                 the same for all at once
#   etcd.sh pause DIR N                  member N stops answering (SIGSTOP) ...
#   etcd.sh resume DIR N                 ... and goes on
#
# Member N serves clients at PORT + 2 N and its peers at PORT + 2 N + 1. Without PORT a free range is taken; it stays the
# same for DIR. DIR/endpoints lists where clients connect. The environment may set HEARTBEAT_MS (100), ELECTION_MS (1000),
# and EXTRA (more flags). Only processes that work in DIR are ever signalled.
set -euo pipefail

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
command=$1
[ "$command" != start ] || mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
PATH=$PATH:/usr/sbin:/sbin

free_range() { # COUNT: the first of so many ports that nobody listens on
  local count=$1 base attempt port taken
  taken=" $(awk 'FNR > 1 && $4 == "0A" {split($2, a, ":"); print a[2]}' /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    while read -r hex; do printf '%d ' "$((16#$hex))"; done)"
  for attempt in $(seq 200); do
    base=$((10000 + (RANDOM % 1000) * 10))
    for ((port = base; port < base + count; port++)); do
      case $taken in *" $port "*) continue 2 ;; esac
    done
    echo "$base"
    return
  done
  echo "no free range of ports" >&2
  return 1
}

# Sets `members` and `port` to what DIR was made with; makes it with the arguments when it is new.
load_cluster() {
  if [ ! -e "$dir/cluster" ]; then
    [ "$command" = start ] || { echo "$dir holds no cluster" >&2; exit 1; }
    local wanted=${1:-1} member
    case $wanted in 1 | 3) ;; *) echo "a cluster has 1 or 3 members" >&2; exit 2 ;; esac
    port=${2:-$(free_range $((wanted * 2)))}
    for ((member = 0; member < wanted; member++)); do echo "127.0.0.1:$((port + 2 * member))"; done >"$dir/endpoints"
    echo "$wanted $port" >"$dir/cluster"
  fi
  read -r members port <"$dir/cluster"
}

member_dir() { echo "$dir/member-$1"; }

# The process of member $1, if it runs and is really this member's.
pid_of() {
  local pid
  pid=$(cat "$(member_dir "$1").pid" 2>/dev/null) || return 1
  tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -- "--data-dir=$(member_dir "$1")" || return 1
  echo "$pid"
}

start_member() {
  local member=$1 other cluster='' client peer
  pid_of "$member" >/dev/null && return
  for ((other = 0; other < members; other++)); do
    cluster+=${cluster:+,}m$other=http://127.0.0.1:$((port + 2 * other + 1))
  done
  client=http://127.0.0.1:$((port + 2 * member))
  peer=http://127.0.0.1:$((port + 2 * member + 1))
  # Large transactions: a stream of thousands of shards is created in one. A process group of its own, in the session of
  # the whole cluster (see ceph.sh).
  set -m
  # shellcheck disable=SC2086
  etcd --name="m$member" --data-dir="$(member_dir "$member")" \
    --listen-client-urls="$client" --advertise-client-urls="$client" \
    --listen-peer-urls="$peer" --initial-advertise-peer-urls="$peer" \
    --initial-cluster="$cluster" --initial-cluster-token="weir-$port" --initial-cluster-state=new \
    --heartbeat-interval="${HEARTBEAT_MS:-100}" --election-timeout="${ELECTION_MS:-1000}" \
    --max-txn-ops=8192 --max-request-bytes=8388608 --quota-backend-bytes=2147483648 \
    --auto-compaction-mode=revision --auto-compaction-retention=10000 \
    --logger=zap --log-level=warn ${EXTRA:-} </dev/null >>"$(member_dir "$member").log" 2>&1 &
  set +m
  echo $! >"$(member_dir "$member").pid"
}

# A read that only a majority can answer, asked of member $1.
answers() {
  local body='{"key":"AA=="}' status
  exec 3<>"/dev/tcp/127.0.0.1/$((port + 2 * $1))" || return 1
  printf 'POST /v3/kv/range HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' ${#body} "$body" >&3
  read -r -t 2 status <&3 || true
  exec 3>&-
  [[ ${status:-} == HTTP/1.?' 200'* ]]
}

wait_until_all_answer() {
  local member deadline=$((SECONDS + 30))
  for ((member = 0; member < members; member++)); do
    until (answers "$member") 2>/dev/null; do
      if [ $SECONDS -ge $deadline ] || ! pid_of "$member" >/dev/null; then
        echo "etcd member $member does not answer:" >&2
        tail -n 5 "$(member_dir "$member").log" >&2
        exit 1
      fi
      sleep 0.05
    done
  done
}

signal_member() { # SIGNAL N
  local pid
  pid=$(pid_of "$2") || { echo "member $2 does not run" >&2; return 1; }
  kill -s "$1" "$pid"
}

wait_until_gone() {
  local member deadline=$((SECONDS + 20))
  for ((member = 0; member < members; member++)); do
    while pid_of "$member" >/dev/null; do
      [ $SECONDS -lt $deadline ] || signal_member KILL "$member" || true
      sleep 0.05
    done
    rm -f "$(member_dir "$member").pid"
  done
}

signal_all() { # SIGNAL
  local member
  for ((member = 0; member < members; member++)); do
    ! pid_of "$member" >/dev/null || signal_member "$1" "$member" || true
  done
}

load_cluster "$@"
case $command in
  start)
    for ((member = 0; member < members; member++)); do start_member "$member"; done
    wait_until_all_answer
    ;;
  stop)
    signal_all CONT
    signal_all TERM
    wait_until_gone
    [ "${1:-}" != wipe ] || rm -rf -- "$dir"
    ;;
  kill) signal_member KILL "${1:?which member}" ;;
  kill-all)
    signal_all KILL
    wait_until_gone
    ;;
  pause) signal_member STOP "${1:?which member}" ;;
  resume) signal_member CONT "${1:?which member}" ;;
  *) usage ;;
esac
