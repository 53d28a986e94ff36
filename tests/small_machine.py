"""`unshare --net python small_machine.py COMMAND …` runs a command with what Binder gives, and without a network.

It has one processor, 2 GB of memory, and no address but its own. The last line says how much memory its largest
process took: the kernel of a notebook.
"""

import errno
import fcntl
import os
import resource
import socket
import struct
import subprocess
import sys
from importlib.metadata import version

MEMORY = 2 * 1024**3
SET_FLAGS, UP = 0x8914, 1  # SIOCSIFFLAGS and IFF_UP of Linux


def connect_to_itself_alone():
    """Switch the loopback on, by which Jupyter and its kernel talk. Raises RuntimeError where there is more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh22x", b"lo", UP))
    with socket.socket() as outside:
        refusal = outside.connect_ex(("192.0.2.1", 443))
    if refusal != errno.ENETUNREACH:
        raise RuntimeError(f"There is a network here (a connection gave {refusal}): start this with unshare --net.")


def limit(with_gpu_libraries):
    """One processor, and 2 GB of addresses.

    torch's GPU libraries alone take more addresses than that, though not memory: with them, 2 GB of its own data.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kind = resource.RLIMIT_DATA if with_gpu_libraries else resource.RLIMIT_AS
    resource.setrlimit(kind, (MEMORY, MEMORY))
    # Each thread would keep 64 MB of addresses for itself, most of them never used.
    os.environ |= {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


def main():
    connect_to_itself_alone()
    limit(with_gpu_libraries=not version("torch").endswith("+cpu"))
    status = subprocess.run(sys.argv[1:]).returncode
    print(f"at most {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB of memory")
    sys.exit(status)


if __name__ == "__main__":
    main()
