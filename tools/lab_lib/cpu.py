"""How much of the processor a host has: some cores (affinity), or a part of the time of all (a control group)."""
import os
import pathlib

from .linux import LabError, wait_until

# The kernel's least quota is 1 ms. Short periods, because a host that stops for long is no slow host.
_QUOTA_MICROSECONDS = 1000


def _hierarchy():
    """(where the cpu controller is mounted, its version)."""
    unified = None
    for line in pathlib.Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
        _, folder, kind, options = line.split()[:4]
        if kind == "cgroup" and "cpu" in options.split(","):
            return pathlib.Path(folder), 1
        if kind == "cgroup2":
            unified = pathlib.Path(folder)
    if unified and "cpu" in (unified / "cgroup.controllers").read_text(encoding="utf-8").split():
        return unified, 2
    raise LabError("--cpu needs the cpu controller of cgroups, which is mounted nowhere here; use --cores")


def make_group(lab, host, share):
    """A control group whose processes get `share` cores' worth of time together; its folder."""
    root, version = _hierarchy()
    parent = root / f"yoke-lab-{lab}"
    folder = parent / host
    period = max(_QUOTA_MICROSECONDS, round(_QUOTA_MICROSECONDS / share))
    quota = round(period * share)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if version == 1:
            # Raising both at once would pass through a state that the kernel refuses.
            (folder / "cpu.cfs_period_us").write_text(str(period), encoding="utf-8")
            (folder / "cpu.cfs_quota_us").write_text(str(quota), encoding="utf-8")
        else:
            for group in (root, parent):
                (group / "cgroup.subtree_control").write_text("+cpu", encoding="utf-8")
            (folder / "cpu.max").write_text(f"{quota} {period}", encoding="utf-8")
    except OSError as error:
        raise LabError(f"cannot bound processor time in {folder}: {error.strerror}; use --cores") from None
    return str(folder)


def join(group, cores):
    """Puts this process under a host's bounds."""
    if group:
        pathlib.Path(group, "cgroup.procs").write_text("0", encoding="utf-8")
    if cores:
        os.sched_setaffinity(0, cores)


def remove_groups(lab):
    """Removes the control groups of a lab, whose processes have been killed."""
    try:
        parent = _hierarchy()[0] / f"yoke-lab-{lab}"
    except LabError:
        return

    def removed():
        try:
            for folder in (*parent.glob("*/"), parent):
                folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False  # the kernel has not yet let go of the last process
        return True
    wait_until(removed, 5, f"{parent} still has processes")
