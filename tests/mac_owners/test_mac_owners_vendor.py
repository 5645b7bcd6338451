from __future__ import annotations

import pytest

from arpcheck.mac_owners.devices import is_virtual_router, label, vendor
from arpcheck.model import Mac

TABLE = {
    "8C:1F:64": "IEEE Registration Authority", "8C:1F:64:A0:00/36": "Thirty-six", "50:00:E6:A0/28": "Twenty-eight",
    "50:00:E6": "Mellanox", "52:54:00": "Realtek", "02:00:00": "Nobody",
}  # fmt: skip


@pytest.mark.parametrize(
    ("mac", "expected", "router"),
    [
        pytest.param("00:00:5e:00:01:33", "VRRP or CARP, virtual router 51", True, id="VRRP"),
        pytest.param("00:00:5e:00:02:ff", "VRRP or CARP for IPv6, virtual router 255", True, id="VRRP for IPv6"),
        pytest.param("00:00:5e:00:03:01", None, False, id="another block of IANA's"),
        pytest.param("00:00:0c:07:ac:0a", "HSRP, group 10", True, id="HSRP"),
        pytest.param("00:00:0c:9f:f1:02", "HSRP version 2, group 258", True, id="HSRP version 2"),
        pytest.param("00:00:0c:9f:e1:02", None, False, id="Cisco, not HSRP"),
        pytest.param("00:07:b4:00:07:01", "GLBP, group 7", True, id="GLBP"),
        pytest.param("02:bf:0a:00:00:32", "Microsoft NLB cluster", False, id="NLB"),
        pytest.param("02:42:ac:11:00:02", "Docker container or bridge", False, id="docker"),
        pytest.param("0a:58:0a:80:00:02", "pod of a CNI (OVN-Kubernetes)", False, id="OVN pod"),
        pytest.param("ee:ee:ee:ee:ee:ee", "Calico's end of a pod, the same on every node", False, id="Calico"),
        pytest.param("52:54:00:12:34:56", "QEMU/KVM virtual machine", False, id="KVM before the table"),
        pytest.param("00:50:56:a7:e7:1c", "VMware virtual machine", False, id="VMware"),
        *(pytest.param(f"{block}:00:00:01", "VMware virtual machine", False, id=f"VMware {block}")
          for block in ("00:0c:29", "00:05:69", "00:1c:14")),
        pytest.param("00:15:5d:00:00:01", "Hyper-V virtual machine", False, id="Hyper-V"),
        pytest.param("00:16:3e:00:00:01", "Xen virtual machine", False, id="Xen"),
        pytest.param("08:00:27:00:00:01", "VirtualBox virtual machine", False, id="VirtualBox"),
        pytest.param("00:1c:42:00:00:01", "Parallels virtual machine", False, id="Parallels"),
        pytest.param("bc:24:11:00:00:01", "Proxmox VE virtual machine", False, id="Proxmox"),
        pytest.param("02:00:00:00:00:01", "locally administered", False, id="locally administered"),
        pytest.param("01:00:5e:00:00:01", "group address, not of a station", False, id="group"),
        pytest.param("00:00:00:00:00:00", "no address", False, id="zero"),
        pytest.param("8c:1f:64:a0:00:01", "Thirty-six", False, id="36 bits"),
        pytest.param("8c:1f:64:a0:10:01", "IEEE Registration Authority", False, id="24 bits beside 36"),
        pytest.param("50:00:e6:af:00:01", "Twenty-eight", False, id="28 bits"),
        pytest.param("50:00:e6:0f:00:01", "Mellanox", False, id="24 bits beside 28"),
        pytest.param("d8:00:00:00:00:01", None, False, id="unknown"),
    ],
)  # fmt: skip
def test_label(mac, expected, router):
    assert label(Mac(mac), TABLE) == expected
    assert is_virtual_router(Mac(mac)) == router


def test_without_a_table_only_the_virtual_ones_are_known():
    assert label(Mac("50:00:e6:00:00:01")) is None
    assert vendor(Mac("50:00:e6:00:00:01"), {}) is None
