"""ssh in the lab: keys of its own, an sshd on every host, a client that knows them. No file of the user's is read."""
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys

from . import linux
from .linux import LabError

_SERVER = """\
Port 22
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile /etc/ssh/authorized_keys
PermitRootLogin {root}
PubkeyAuthentication {key}
PasswordAuthentication {password}
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
X11Forwarding no
PrintMotd no
PrintLastLog no
MaxStartups 200:30:400
MaxSessions 100
LoginGraceTime 20
ClientAliveInterval 2
ClientAliveCountMax 2
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
PidFile /run/sshd.pid
"""

_CLIENT = """\
Host *
  IdentityFile {key}
  IdentitiesOnly yes
  IdentityAgent none
  GlobalKnownHostsFile {known}
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""


def make_keys(state, hosts):
    """Writes what becomes /etc/ssh of every host (hosts/NAME/ssh), and for the machine itself client/."""
    client = state / "client"
    client.mkdir()
    key_files = {None: client / "key"}
    for host in hosts:
        key_files[host.name] = state / "hosts" / host.name / "ssh" / "ssh_host_ed25519_key"
        key_files[host.name].parent.mkdir(parents=True)
    makers = [subprocess.Popen(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", path],
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
              for path in key_files.values()]
    for maker in makers:
        if maker.wait(timeout=20) != 0:
            raise LabError(f"ssh-keygen failed: {maker.stderr.read().strip()}")

    known = "".join(f"{','.join([host.name, *host.addresses])} {_public(key_files[host.name])}" for host in hosts)
    for host in hosts:
        folder = key_files[host.name].parent
        _write(folder / "authorized_keys", _public(key_files[None]))
        _write(folder / "known_hosts", known)
        _write(folder / "ssh_config", _CLIENT.format(key="~/.ssh/id_ed25519", known="/etc/ssh/known_hosts"))
        write_server_config(state, host, "key")
    _write(client / "known_hosts", known)
    # From the machine itself, which is in none of the networks, ssh goes through the host `outside`.
    program = shlex.quote(str(pathlib.Path(__file__).resolve().parents[1] / "lab")).replace("%", "%%")
    _write(client / "ssh_config", _CLIENT.format(key=client / "key", known=client / "known_hosts") +
           f"  ProxyCommand {sys.executable} -IS {program} --name {hosts[0].lab} tunnel %h %p\n")


def _public(key):
    return pathlib.Path(f"{key}.pub").read_text(encoding="utf-8")


def _write(path, text):
    """sshd and ssh refuse files that others may write, whatever the umask; users without rights must read them."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)


def write_server_config(state, host, way):
    """way: "key" or "password", the only way in from now on."""
    root, key, password = ("prohibit-password", "yes", "no") if way == "key" else ("yes", "no", "yes")
    _write(state / "hosts" / host.name / "ssh" / "sshd_config", _SERVER.format(root=root, key=key, password=password))


def start_server(host):
    """Starts sshd on a host; it listens once await_server() has returned."""
    server = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    host.run(server, "-f", "/etc/ssh/sshd_config", "-E", "/run/sshd.log", everything=True)


def await_server(host):
    linux.wait_until(lambda: server_pid(host), 10, f"sshd on {host.name} does not start; tools/lab exec {host.name} "
                     "cat /run/sshd.log tells why")


def server_pid(host):
    """The pid of the host's sshd, None where none is listening."""
    try:
        pid = int(pathlib.Path(f"/proc/{host.pid}/root/run/sshd.pid").read_text(encoding="utf-8"))
        named = pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "sshd"
        return pid if named and linux.program_of(pid) else None  # one that was killed keeps its name for a moment
    except (OSError, ValueError):
        return None


def stop_server(host):
    """New logins are refused; those that are there stay."""
    if pid := server_pid(host):
        os.kill(pid, signal.SIGTERM)
        linux.wait_until(lambda: server_pid(host) is None, 5, f"sshd of {host.name} does not end")
