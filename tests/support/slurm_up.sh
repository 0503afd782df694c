#!/usr/bin/env bash
# One-node Slurm for tests, as root on Debian or Ubuntu, without systemd and cgroups. Running it again changes nothing.
#   bash tests/support/slurm_up.sh && pytest -m slurm
set -euo pipefail
host=$(hostname -s) spool=/var/spool/slurm
if ! command -v slurmctld slurmd munged >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
fi
running() { pgrep -x "$1" >/dev/null; }
until_true() { for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "not in 10 s: $*" >&2; return 1; }

install -d -o munge -g munge -m 0711 /run/munge
install -d -o slurm -g slurm "$spool/ctld" "$spool/d" /var/log/slurm /run/slurm
running munged || runuser -u munge -- /usr/sbin/munged
until_true munge -n
if ! running slurmctld; then
  memory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 * 9 / 10))
  cat >/etc/slurm/slurm.conf <<CONF
ClusterName=tests
SlurmctldHost=$host(127.0.0.1)
SlurmUser=slurm
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$spool/ctld
SlurmdSpoolDir=$spool/d
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=1,sched_interval=2,sched_min_interval=0
KillWait=5
OverTimeLimit=0
SlurmdTimeout=20
MinJobAge=60
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=debug Nodes=$host Default=YES MaxTime=INFINITE DefaultTime=10 State=UP
CONF
  /usr/sbin/slurmctld
fi
until_true scontrol ping
running slurmd || /usr/sbin/slurmd
scontrol update nodename="$host" state=resume 2>/dev/null || true
until_true sh -c "sinfo -h -o %T | grep -qE 'idle|mixed|allocated'"
sinfo
