"""Imports what a probe imports at its own time, most of all scapy after it has given up its rights, before it is forked.

On an emulated processor that takes longer than a scene does, and in which order a probe imports is not what scenes are about."""

import psutil  # noqa: F401
import pydantic.type_adapter  # noqa: F401

from arpcheck.cluster import api, credentials, login, session  # noqa: F401
from arpcheck.kubeproxy import config  # noqa: F401
from arpcheck.wire import scapy_library

scapy_library.load()

import scapy.layers.inet6  # noqa: E402, F401 - with the settings of scapy_library
