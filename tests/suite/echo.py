"""Ends a prompt for a secret with Ctrl-C, and prints whether the terminal shows what is typed, before, while and after."""

import os
import pty
import sys
import termios
import time

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])


def echoes():
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


print("before", echoes())
shown = b""
while b": " not in shown or echoes():
    shown += os.read(terminal, 4096) if b": " not in shown else b""
    time.sleep(0.01)
print("while", echoes())
os.write(terminal, b"half a sec\x03")
_, status = os.waitpid(pid, 0)
print("after", echoes(), os.waitstatus_to_exitcode(status))
