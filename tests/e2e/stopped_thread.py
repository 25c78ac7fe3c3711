"""One thread of a process that hangs, while the others go on."""
import ctypes
import os
import threading
import unittest


class StoppedThread:
    """One thread of a process that is not this one's, stopped as a debugger does it: the others go on. Unless
    `anywhere`, it is stopped in code of its own, not in a call of the system, where rank 0 may be talking to the
    starter."""

    SEIZE, INTERRUPT, CONTINUE = 0x4206, 0x4207, 7
    ALL_KINDS = 0x40000000  # of tasks: __WALL

    def __init__(self, thread, anywhere=False):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.ask(self.SEIZE)
        self.stop()
        while not anywhere and self.is_in_the_system():
            self.ask(self.CONTINUE)
            self.stop()
        # Until somebody has taken note of its end, its parent does not hear of it.
        threading.Thread(target=self.wait_for_its_end, daemon=True).start()

    def ask(self, request):
        if self.libc.ptrace(request, self.thread, None, None) != 0:
            raise unittest.SkipTest(f"the system lets nobody stop a thread: {os.strerror(ctypes.get_errno())}")

    def stop(self):
        self.ask(self.INTERRUPT)
        os.waitpid(self.thread, self.ALL_KINDS)

    def is_in_the_system(self):
        with open(f"/proc/{self.thread}/syscall") as call:
            return not call.read().startswith("-1 ")

    def wait_for_its_end(self):
        status = None
        while status is None or os.WIFSTOPPED(status):
            _, status = os.waitpid(self.thread, self.ALL_KINDS)
