"""Runs a module like its command line does, and ends together with the process that started it.

usage: run.py DIRECTORY MODULE [ARGUMENT ...]

The starter holds the other end of stdin and never writes to it. However the starter ends, the system closes that end.
Then this process removes DIRECTORY (its temporary files) and kills its process group, including the processes that the
module started.
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
    # Become the leader of a new group, since killing the starter's group would kill the starter too.
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    threading.Thread(target=end_with_starter, args=(directory,), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
