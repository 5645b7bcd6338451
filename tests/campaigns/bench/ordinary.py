"""arpcheck on an ordinary host, whatever this one allows: `python ordinary.py BUFFER ARGUMENT OF arpcheck…`.

Without CAP_NET_ADMIN a receive buffer is as large as net.core.rmem_max allows, here no larger than BUFFER octets."""

import runpy
import sys

from arpcheck.wire import packet_socket

packet_socket.RECEIVE_BUFFER = int(sys.argv.pop(1))
runpy.run_module("arpcheck", run_name="__main__", alter_sys=True)
