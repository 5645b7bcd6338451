"""opening: which sockets stay open once the cluster was read."""

import pytest

from arpcheck.commands import opening
from arpcheck.evidence import Options
from arpcheck.model import Families, Host, Interface, Mac
from arpcheck.objects import Objects

ETH0 = Interface(
    name="eth0", mac=Mac("02:00:00:00:00:05"), addresses=("10.0.0.5/24",), ipv6=("2001:db8::5/64", "fe80::5/64")
)


class Kept:
    def keep(self, interfaces, *, ipv6=()):
        self.interfaces, self.ipv6 = tuple(interfaces), tuple(ipv6)


def objects(*ips):
    service = {
        "metadata": {"namespace": "web", "name": "nginx"},
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.9"},
        "status": {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}},
    }
    return Objects(resources={"services": (service,), "nodes": ()})


@pytest.mark.parametrize(
    ("ips", "families", "for_good", "expected"),
    [
        (("10.0.0.50",), Families.AUTO, True, ()),
        (("10.0.0.50", "2001:db8::50"), Families.AUTO, True, ("eth0",)),
        (("10.0.0.50",), Families.AUTO, False, ("eth0",)),
        (("10.0.0.50",), Families.IPV4, False, ()),
    ],
    ids=["IPv4 alone", "both", "watch, to which IPv6 may come later", "watch of IPv4 alone"],
)
def test_sockets_for_neighbour_discovery_stay_where_they_may_be_needed(monkeypatch, ips, families, for_good, expected):
    monkeypatch.setattr(opening, "settle", lambda options, *_: options)
    kept = Kept()
    opening.settled(
        Options(interfaces=("eth0",), families=families), objects(*ips), Host(interfaces=(ETH0,)), kept, for_good=for_good
    )
    assert (kept.interfaces, kept.ipv6) == (("eth0",), expected)
