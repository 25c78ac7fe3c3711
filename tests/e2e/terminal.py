"""A program on a terminal of its own, and what a person at it would see and type."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from harness import Run

CTRL_C, CTRL_D, CTRL_Z, UP, LEFT, BACKSPACE = "\x03", "\x04", "\x1a", "\x1b[A", "\x1b[D", "\x7f"
ROWS, COLUMNS = 50, 1000  # so wide that no line of a test is wrapped

# What moves the cursor, clears and dims; and carriage returns.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[@A-Za-z]|\x1b[=>]|\r")


class TerminalRun(Run):
    """A started command whose standard streams are one terminal, which is its controlling one."""

    def __init__(self, command, environment=None):
        self.prepare({"TERM": "xterm", "LANG": "C", "LC_ALL": "C", **(environment or {})})
        self.master, self.terminal = pty.openpty()
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("4H", ROWS, COLUMNS, 0, 0))
        self.modes = termios.tcgetattr(self.terminal)
        self.unread = ""
        self.undecoded = b""
        self.process = subprocess.Popen([str(part) for part in command], stdin=self.terminal, stdout=self.terminal,
                                        stderr=self.terminal, env=self.environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def type(self, keys):
        os.write(self.master, keys.encode())

    def enter(self, line):
        self.type(line + "\r")

    def read(self, seconds):
        """Takes what the terminal shows within that time; False when there was nothing."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.undecoded += os.read(self.master, 65536)
        # A character or control sequence may have come in part.
        whole = re.fullmatch(rb"(?s)(.*?)(\x1b[^@A-Za-z=>]*|[\xc0-\xff][\x80-\xbf]*)?", self.undecoded)
        self.unread += CONTROL.sub("", whole[1].decode(errors="replace"))
        self.undecoded = whole[2] or b""
        return True

    def expect(self, pattern, seconds=60):
        """Waits until what is shown matches; returns all of it up to the end of the match, which counts as read."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.unread)):
            if not self.read(max(0, end - time.monotonic())):
                raise AssertionError(f"{pattern!r} did not appear within {seconds} s; shown is {self.unread!r}")
        shown, self.unread = self.unread[:found.end()], self.unread[found.end():]
        return shown

    def expect_prompt(self):
        """Waits for the prompt; returns the lines before it."""
        return self.expect(r"(?m)^> ")[:-2]

    def ask(self, line):
        """Enters a line at the prompt; returns what is shown up to the next prompt, without the line itself."""
        self.enter(line)
        echo, _, shown = self.expect_prompt().partition("\n")
        assert echo.endswith(line), (echo, line)
        return shown

    def end(self, seconds=60):
        """Waits for the end; (exit code, what was shown meanwhile)."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"still running after {seconds} s; shown is {self.unread!r}")
            self.read(0.01)
        while self.read(0):
            pass
        shown, self.unread = self.unread, ""
        return self.process.returncode, shown

    def modes_are_restored(self):
        return termios.tcgetattr(self.terminal) == self.modes

    def hang_up(self):
        os.close(self.master)
        self.master = None

    def close(self):
        self.kill()
        self.process.wait()
        for fd in (self.master, self.terminal):
            if fd is not None:
                os.close(fd)
        self.tmpdir.cleanup()
