"""Slurm on a lab: slurmctld on `outside`, where people log in, and a slurmd on every node.

Everything lies in the hosts' own /run, so it goes with the lab; a node's Slurm listens in its own network only.
"""
import os
import pathlib
import secrets
import shutil

from . import cluster, linux
from .linux import LabError

_PROGRAMS = {"slurmctld": "slurmctld", "slurmd": "slurmd", "srun": "slurm-client", "munged": "munge"}
_CONFIGURATION = "/etc/slurm"
_CORES = 4  # that each node claims to have, whatever there is: ranks of tests share cores

# No plugin that needs systemd or a cgroup; SlurmdUser root, as there are no other accounts.
_SLURM = """\
ClusterName=lab
SlurmctldHost={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=/run/slurm/state
SlurmdSpoolDir=/run/slurm/spool
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=/run/slurm/slurmctld.log
SlurmdLogFile=/run/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
SchedulerParameters=sched_interval=1,sched_min_interval=0
NodeName={nodes} CPUs={cores} RealMemory=1000
PartitionName=all Nodes=ALL Default=YES MaxTime=60 State=UP OverSubscribe=NO
"""


def why_not():
    """What Slurm lacks on this machine; None where it has all."""
    for program, package in _PROGRAMS.items():
        if not shutil.which(program):
            return f"there is no {program}; install {package} (tools/install_packages.sh slurm)"
    if not os.path.isdir(_CONFIGURATION):
        return f"there is no folder {_CONFIGURATION}, which the package slurm-client makes"
    return None


def up(lab):
    """Starts Slurm on all hosts of a lab; jobs can be given to it once this returns."""
    if reason := why_not():
        raise LabError(reason)
    if any(_is_running(host) for host in lab.hosts):
        raise LabError(f"Slurm runs on the lab {lab.name} already; tools/lab slurm down ends it")
    key = secrets.token_bytes(128)
    controller = lab.host(cluster.OUTSIDE)
    texts = {"slurm.conf": _SLURM.format(controller=controller.name, cores=_CORES,
                                         nodes=",".join(node.name for node in lab.nodes())),
             "cgroup.conf": _cgroup_configuration()}
    for host in lab.hosts:
        host.call(lambda: _prepare(key, texts))
        host.run("munged", "--force", "--key-file=/run/munge/key", "--seed-file=/run/munge/seed",
                 "--pid-file=/run/munge/pid", "--log-file=/run/munge/log", everything=True)
    controller.run("slurmctld", everything=True)
    for node in lab.nodes():
        node.run("slurmd", "-N", node.name, everything=True)
    idle = "idle\n" * len(lab.nodes())
    linux.wait_until(lambda: _states(controller) == idle, 30,
                     f"Slurm does not take its nodes (sinfo says {_states(controller).split()}); "
                     f"tools/lab exec outside cat /run/slurm/slurmctld.log tells why")


def down(lab):
    """Ends Slurm and its jobs on a lab."""
    for host in lab.hosts:
        for program in ("slurmctld", "slurmd", "slurmstepd:", "munged"):
            host.kill(program)
        host.call(_clear)


def _is_running(host):
    return os.path.exists(f"/proc/{host.pid}/root/run/munge")


def _states(controller):
    try:
        return controller.run("sinfo", "--noheader", "--Node", "--format=%T", everything=True)
    except LabError:
        return ""  # slurmctld does not answer yet


def _cgroup_configuration():
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        return "CgroupPlugin=cgroup/v2\nIgnoreSystemd=yes\n"
    return "CgroupPlugin=cgroup/v1\n"


def _prepare(key, texts):
    """On a host: folders, configuration and the key by which the hosts trust each other."""
    os.umask(0o022)
    for folder in ("munge", "slurm", "slurm/state", "slurm/spool", "slurm/etc"):
        os.makedirs(f"/run/{folder}", exist_ok=True)
    key_file = pathlib.Path("/run/munge/key")
    key_file.touch(mode=0o600)
    key_file.write_bytes(key)
    for name, text in texts.items():
        pathlib.Path("/run/slurm/etc", name).write_text(text, encoding="utf-8")
    linux.mount("/run/slurm/etc", _CONFIGURATION, flags=linux.MS_BIND)


def _clear():
    if os.path.exists("/run/slurm"):
        linux.unmount(_CONFIGURATION)
    for folder in ("munge", "slurm"):
        shutil.rmtree(f"/run/{folder}", ignore_errors=True)
