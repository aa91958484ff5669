"""Runs a module as its command line would, and ends with the process that started it.

usage: run.py DIRECTORY MODULE [ARGUMENT ...]

The starter holds the other end of standard input and never writes to it. However it ends, the system closes that end:
then this process removes DIRECTORY (its temporary files) and kills its process group, which has the processes that the
module started too.
"""

import os
import runpy
import shutil
import signal
import sys
import threading


def end_with_starter(directory):
    while os.read(sys.stdin.fileno(), 1024):
        pass
    shutil.rmtree(directory, ignore_errors=True)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def main():
    directory, module, *arguments = sys.argv[1:]
    # Only as the leader of a group of our own: the starter's group is not ours to kill.
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    threading.Thread(target=end_with_starter, args=(directory,), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
