"""What is private in a host's file system: temporary files, homes, /run, /dev/shm, and some of /etc.

Everything else is the machine's own, the project among it, so that every host has the same programs. Nothing of this
shows outside the host's mount namespace, and all of it is gone with the host.
"""
import dataclasses
import hashlib
import os
import pathlib
import shutil

from . import linux
from .linux import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_PRIVATE, MS_REC, bind, mount

USER = "worker"  # the user without rights that every host has
USER_ID = 7700
PASSWORD = "lab"  # of root and of USER, where a host takes passwords
_PASSWORD_HASH = "$6$yokelab$jdpFCx3X60rN0IaQ6.hrEG.1wpZn6ZW0ZcKDYjNgv5fFP8ELLmOimL8GxnfXA.7KCUJgEt7LKeTmSI64S8oW0."

# On the host's disk, whose size --disk bounds; the others have memory of their own.
ON_DISK = {"/root": 0o711, "/home": 0o755, "/var/tmp": 0o1777, "/tmp": 0o1777}


@dataclasses.dataclass
class Plan:
    """What a host's file system is made from."""
    ssh: pathlib.Path  # becomes /etc/ssh, and is seen at `client` too
    client: pathlib.Path  # where `lab ssh` says that the configuration of ssh is, outside and on every host
    key: pathlib.Path  # the private key of the lab's users
    hosts: str  # /etc/hosts
    disk: str  # size of the disk, as tmpfs takes it; empty: half of the memory
    shared: list  # folders that every host sees where they are


def furnish(host, plan):
    """Turns the mount namespace of this process, just made, into the host's file system."""
    os.umask(0o022)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    # What later mounts hide is held open until it is shown again.
    shared = {path: os.open(path, os.O_PATH) for path in plan.shared}
    ssh = os.open(plan.ssh, os.O_PATH)
    private = plan.ssh.parent
    _write_etc(host, private, plan.hosts)
    bind(ssh, "/etc/ssh")

    disk = private / "disk"
    disk.mkdir()
    mount("disk", disk, "tmpfs", MS_NOSUID | MS_NODEV, f"mode=755,size={plan.disk}" if plan.disk else "mode=755")
    _make_homes(disk, plan.key)
    folders = [(target, _open_folder(disk / target.lstrip("/").replace("/", "-"), mode))
               for target, mode in ON_DISK.items()]
    for target, descriptor in folders:
        bind(descriptor, target)
    mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    os.makedirs("/run/sshd")
    os.makedirs("/run/lock", 0o1777)
    pathlib.Path(linux.MARKER).write_text(f"{host.lab} {host.name}\n", encoding="utf-8")
    _show_own_devices()
    for path, descriptor in shared.items():
        _show_again(path, descriptor)
    os.makedirs(plan.client, exist_ok=True)
    bind(ssh, plan.client)


def _open_folder(path, mode):
    path.mkdir(exist_ok=True)
    path.chmod(mode)
    return os.open(path, os.O_PATH)


def _make_homes(disk, key):
    """Homes of root and of USER with the lab's key, so that `ssh node2` works, and with a folder for models."""
    for home, owner in (disk / "root", 0), (disk / "home" / USER, USER_ID):
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        (home / "models").mkdir()
        shutil.copy(key, home / ".ssh" / "id_ed25519")
        (home / ".ssh" / "id_ed25519").chmod(0o600)
        for path in (home, *home.rglob("*")):
            os.chown(path, owner, owner)


def _write_etc(host, folder, hosts):
    """Files of /etc that this host has for itself."""
    etc = pathlib.Path("/etc")
    passwd = (etc / "passwd").read_text(encoding="utf-8")
    shadow = (etc / "shadow").read_text(encoding="utf-8")
    entries = {
        "hosts": hosts,
        "hostname": f"{host.name}\n",
        "machine-id": hashlib.sha256(f"{host.lab} {host.name}".encode()).hexdigest()[:32] + "\n",
        "passwd": f"{passwd}{USER}:x:{USER_ID}:{USER_ID}::/home/{USER}:/bin/bash\n",
        "group": (etc / "group").read_text(encoding="utf-8") + f"{USER}:x:{USER_ID}:\n",
        # sshd without PAM refuses accounts whose password is locked ("!").
        "shadow": "".join(f"root:{_PASSWORD_HASH}:19000::::::\n" if line.startswith("root:") else line
                          for line in shadow.splitlines(keepends=True)) + f"{USER}:{_PASSWORD_HASH}:19000::::::\n",
    }
    for name, text in entries.items():
        own = folder / name
        own.write_text(text, encoding="utf-8")
        own.chmod(0o600 if name == "shadow" else 0o644)
        if (etc / name).exists():
            mount(own, etc / name, flags=MS_BIND)


def _show_own_devices():
    """/sys shows the network devices of the namespace in which it was mounted."""
    groups = os.open("/sys/fs/cgroup", os.O_PATH)
    mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    bind(groups, "/sys/fs/cgroup")


def _show_again(path, descriptor):
    """Mounts a folder where it was if a private one hides it."""
    if os.path.isdir(path) and os.path.samestat(os.stat(path), os.fstat(descriptor)):
        return
    os.makedirs(path, exist_ok=True)
    bind(descriptor, path)
