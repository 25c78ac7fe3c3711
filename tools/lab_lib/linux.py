"""The system calls behind the lab: namespaces, mounts, and which process lives on which host."""
import ctypes
import os
import pathlib
import time

NAMESPACES = {"mnt": 0x00020000, "uts": 0x04000000, "ipc": 0x08000000, "net": 0x40000000}
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18

# The file by which a process is known to be on a host of a lab: "LAB HOST", in a folder that only this host sees.
MARKER = "/run/yoke-lab"

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """One sentence for the person at the terminal: what was found, and the remedy."""


def _check(result, what):
    if result != 0:
        raise LabError(f"{what}: {os.strerror(ctypes.get_errno())}")


def unshare():
    """Gives this process a namespace of its own of every kind that a host has."""
    _check(_libc.unshare(sum(NAMESPACES.values())),
           "this system refuses namespaces, as a container without CAP_SYS_ADMIN does")


def mount(source, target, kind=None, flags=0, data=None):
    encode = lambda text: None if text is None else os.fsencode(text)
    _check(_libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data)),
           f"cannot mount {source} on {target}")


def unmount(target):
    _check(_libc.umount2(os.fsencode(target), 2), f"cannot unmount {target}")  # 2: MNT_DETACH, however busy it is


def bind(descriptor, target):
    """Shows an open file or folder at `target` too, with what is mounted below it."""
    mount(f"/proc/self/fd/{descriptor}", target, flags=MS_BIND | MS_REC)


def enter(pid, kinds=tuple(NAMESPACES)):
    """Moves this process into namespaces of another one. Its root and working directory become theirs with "mnt"."""
    try:
        descriptors = {kind: os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds}
    except FileNotFoundError:
        raise LabError(f"process {pid}, which held a host, is gone; tools/lab down, then up again") from None
    for kind, descriptor in descriptors.items():
        _check(_libc.setns(descriptor, NAMESPACES[kind]), f"cannot enter the {kind} namespace of process {pid}")
        os.close(descriptor)


def inhabitants():
    """{(lab, host): [pid, …]} over the living processes of this machine. PID namespaces are shared, so the pids are
    valid here. A process that changed its root is found by its mount namespace."""
    members = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                members.setdefault(os.stat(f"/proc/{entry.name}/ns/mnt").st_ino, []).append(int(entry.name))
            except OSError:
                pass  # ended meanwhile, or a zombie
    members.pop(os.stat("/proc/self/ns/mnt").st_ino, None)
    found = {}
    for pids in members.values():
        if marker := next(filter(None, map(_read_marker, pids)), None):
            found[marker] = sorted(pids)
    return found


def _read_marker(pid):
    try:
        lab, host = pathlib.Path(f"/proc/{pid}/root{MARKER}").read_text(encoding="utf-8").split()
        return lab, host
    except (OSError, ValueError):
        return None


def program_of(pid):
    """The name of the program that a process runs, None where it has ended."""
    try:
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return None
    return os.path.basename(command.decode(errors="replace"))


def is_stopped(pid):
    """Whether a process has been stopped by a signal."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0] == "T"
    except OSError:
        return False


def wait_until(condition, seconds, otherwise):
    """The first truthy value of condition(); LabError(otherwise) after so many seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise LabError(otherwise)
        time.sleep(0.002)
    return value
