"""One host: the namespaces that a sleeping process holds open, and how a process gets onto it."""
import ctypes
import dataclasses
import os
import pwd
import signal
import subprocess

from . import cpu, files, linux
from .linux import LabError

# A process on a host inherits the caller's variables but for those that lead out of it.
LEADS_OUT = ("XDG_", "SSH_", "TMPDIR", "DBUS_")


@dataclasses.dataclass
class Link:
    """One network interface of a host. `network` counts the networks of the lab from 0."""
    network: int
    address: str  # with the length of the prefix: 10.77.0.1/24

    @property
    def device(self):
        return f"eth{self.network}"


@dataclasses.dataclass
class Host:
    lab: str
    name: str
    links: list
    cores: list  # the cores that it may use; empty: all
    cgroup: str  # the control group that bounds its processor time; empty: unbounded
    pid: int = 0  # of the process that holds the namespaces

    @property
    def addresses(self):
        """Its addresses in its networks, without the length of the prefix."""
        return [link.address.split("/")[0] for link in self.links]

    @property
    def address(self):
        """Its address in the first of its networks; the hub has none."""
        return self.addresses[0]

    def port(self, link):
        """The name of the hub's end of one of its links."""
        return f"{self.name}-{link.network}"

    def create(self, plan):
        """Makes the namespaces and fills them as the files.Plan says."""
        ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _hold(self, plan, told)
        os.close(told)
        with os.fdopen(ready, encoding="utf-8") as pipe:
            answer = pipe.read()
        if answer != "ready":
            raise LabError(answer or f"host {self.name} ended before it was ready")

    def enter(self, user=None):
        """Puts this process onto the host, as `user` (default: stays root), in the working directory that it had if
        the host has that too, else at home."""
        folder = os.getcwd()
        cpu.join(self.cgroup, self.cores)
        linux.enter(self.pid)
        account = pwd.getpwnam(user or "root")
        if user:
            os.initgroups(user, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        try:
            os.chdir(folder)
        except OSError:
            os.chdir(account.pw_dir)
        return account

    def environment(self, account):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(LEADS_OUT)}
        return {**kept, "HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}

    def execute(self, command, user=None):
        """This process becomes the command, on the host."""
        account = self.enter(user)
        try:
            os.execvpe(command[0], command, self.environment(account))
        except OSError as error:
            raise LabError(f"cannot run {command[0]} on {self.name}: {error.strerror}") from None

    def run(self, *command, text="", everything=False):
        """Runs a program of the lab's own in the host's network namespace (or everywhere) and returns its output."""
        place = self.enter if everything else (lambda: linux.enter(self.pid, ("net",)))
        try:
            done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=20, preexec_fn=place)
        except subprocess.TimeoutExpired:
            raise LabError(f"{command[0]} did not end within 20 s on {self.name}") from None
        except subprocess.SubprocessError:
            raise LabError(f"cannot enter {self.name}: it is gone; tools/lab down, then up again") from None
        if done.returncode != 0:
            said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[0]
            raise LabError(f"{os.path.basename(command[0])} failed on {self.name}: {said}")
        return done.stdout

    def call(self, function):
        """Calls a function in a process on the host; what it raises is raised here."""
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            _report(told, lambda: (self.enter(), function()))
            os._exit(0)
        os.close(told)
        with os.fdopen(ready, encoding="utf-8") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        if answer != "ready":
            raise LabError(answer)

    def processes(self):
        """The pids of what runs on the host, without the process that holds it."""
        return [pid for pid in linux.inhabitants().get((self.lab, self.name), []) if pid != self.pid]

    def signal(self, number, program=None):
        """Signals what runs on the host, or one program of it; how many there were."""
        hit = 0
        for pid in self.processes():
            if program in (None, linux.program_of(pid)):
                try:
                    os.kill(pid, number)
                    hit += 1
                except ProcessLookupError:
                    pass
        return hit

    def kill(self, program=None):
        """Ends whatever runs on the host, or one program, however fast it forks."""
        linux.wait_until(lambda: not self.signal(signal.SIGKILL, program), 10, f"processes of {self.name} do not end")


def _report(told, action):
    """Does something in a forked process and writes "ready" or one sentence to the pipe; whether it was ready."""
    answer = "ready"
    try:
        action()
    except LabError as error:
        answer = str(error)
    except BaseException as error:  # pylint: disable=broad-except
        answer = f"{type(error).__name__}: {error}"
    os.write(told, answer.encode())
    os.close(told)
    return answer == "ready"


def _hold(host, plan, told):
    """The process that keeps the namespaces: makes them, says so, sleeps. Never returns."""
    def make():
        os.setsid()
        linux.unshare()
        files.furnish(host, plan)
        ctypes.CDLL(None).sethostname(host.name.encode(), len(host.name))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os.chdir("/")
    try:
        if _report(told, make):
            os.execvp("sleep", ["sleep", "infinity"])
    finally:
        os._exit(1)
