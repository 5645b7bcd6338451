"""Permits NET_RAW to whoever runs a program, as `setcap cap_net_raw+p FILE` does (capabilities(7), struct vfs_cap_data).

python3 scripts/releasing/image/file_capability.py FILE"""

import os
import struct
import sys

REVISION_2 = 0x02000000
NET_RAW = 13

os.setxattr(sys.argv[1], "security.capability", struct.pack("<5I", REVISION_2, 1 << NET_RAW, 0, 0, 0))
