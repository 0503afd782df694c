#!/usr/bin/env bash
# One-node Slurm for tests, as root on Debian or Ubuntu, without systemd and cgroups, beside any Slurm that the machine has:
# configuration, state and logs lie in /run/catholyte-slurm, the ports are its own. Running it again changes nothing.
#   bash tests/support/slurm_up.sh && pytest -m slurm
#   bash tests/support/slurm_up.sh down
# CATHOLYTE_SLURM_CPUS lets it run more jobs at once than the machine has cores: those of the tests wait most of their time.
set -euo pipefail
home=/run/catholyte-slurm host=$(hostname -s)
export home SLURM_CONF=$home/slurm.conf DEBIAN_FRONTEND=noninteractive

fail() { echo "no Slurm: $*" >&2; exit 1; }
until_true() { # SECONDS COMMAND: a command that hangs counts as one that fails
  local end=$((SECONDS + $1))
  shift
  until timeout 10 bash -c '"$@"' - "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}
start() { # with no stream of ours left open: who reads our output would wait for the daemon's end
  timeout 60 "$@" </dev/null >"$home/log/start" 2>&1
}
words() { tail -qn 3 "$home"/log/*; }
answers() { scontrol ping | grep -q 'is UP'; }
works() { sinfo -h -o %T | grep -qE '^(idle|mixed|allocated|completing)$'; }
alive() { kill -0 "$(cat "$home/$1.pid" 2>/dev/null)" 2>/dev/null; }
gone() { ! alive "$1"; }
export -f answers works alive gone

if [ "${1:-up}" = down ]; then
  [ -f "$SLURM_CONF" ] || exit 0
  timeout 20 scancel --full --partition=debug >/dev/null 2>&1 || true
  timeout 20 scontrol shutdown >/dev/null 2>&1 || true
  for daemon in slurmd slurmctld munged; do
    alive $daemon || continue
    kill "$(cat "$home/$daemon.pid")" 2>/dev/null || true
    until_true 20 gone $daemon || true
  done
  rm -rf "$home"
  exit 0
fi
if [ -f "$SLURM_CONF" ] && until_true 1 answers && until_true 1 works; then
  sinfo
  exit 0
fi
[ "$(id -u)" -eq 0 ] || fail "only root can start one"
for program in slurmctld slurmd munged; do
  command -v "$program" >/dev/null && continue
  echo "installing slurm-wlm and munge"
  quiet=(timeout 240 apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=30 -o DPkg::Lock::Timeout=60)
  "${quiet[@]}" update >/dev/null || fail "apt-get update failed"
  "${quiet[@]}" install -y --no-install-recommends slurm-wlm munge >/dev/null </dev/null || fail "slurm-wlm and munge cannot be installed"
  break
done

install -d -m 0755 "$home" "$home/log"
install -d -o slurm -g slurm "$home/ctld" "$home/d"
if ! timeout 10 munge -n >/dev/null 2>&1; then
  install -d -o munge -g munge -m 0711 /run/munge
  start runuser -u munge -- /usr/sbin/munged || fail "munged ends: $(words)"
  until_true 30 munge -n || fail "munged does not answer"
  cp /run/munge/munged.pid "$home/munged.pid"
fi
cat >"$SLURM_CONF" <<CONF
ClusterName=catholyte-tests
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=6827
SlurmdPort=6828
SlurmUser=slurm
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$home/ctld
SlurmdSpoolDir=$home/d
SlurmctldPidFile=$home/slurmctld.pid
SlurmdPidFile=$home/slurmd.pid
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd.log
ProctrackType=proctrack/linuxproc
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2,sched_min_interval=0
SlurmdParameters=config_overrides
KillWait=5
OverTimeLimit=0
SlurmdTimeout=20
MinJobAge=60
NodeName=$host NodeAddr=127.0.0.1 CPUs=${CATHOLYTE_SLURM_CPUS:-$(nproc)} RealMemory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 * 9 / 10)) State=UNKNOWN
PartitionName=debug Nodes=$host Default=YES MaxTime=INFINITE DefaultTime=10 State=UP
CONF
until_true 1 answers || start slurmctld -f "$SLURM_CONF" || fail "slurmctld ends: $(words)"
until_true 60 answers || fail "slurmctld does not answer: $(words)"
for plugin in disabled autodetect; do # Slurm 24 must be told to do without cgroups, Slurm 22 knows no such word
  echo "CgroupPlugin=$plugin" >"$home/cgroup.conf"
  alive slurmd || start slurmd -f "$SLURM_CONF" -N "$host" || continue
  timeout 20 scontrol update nodename="$host" state=resume 2>/dev/null || true
  until_true 60 works && break
done
until_true 1 works || fail "slurmd takes no jobs: $(words)"
sinfo
echo "commands of your own find it by: export SLURM_CONF=$SLURM_CONF"
