"""What reads bytes from outside, each as a function that takes any bytes: it returns, or raises an ArpcheckError.

Anything else that comes out is a fault."""

from __future__ import annotations

import io
import json
from functools import cache
from ipaddress import IPv4Address

from fuzz_fields import changed_fields
from fuzz_seeds import OUR_IP, OUR_MAC, VIP, evidences, memory_file

from arpcheck.errors import ArpcheckError
from arpcheck.evidence import Evidence
from arpcheck.model import Mac, Question, Report


def frames(data: bytes) -> None:
    """frames.decode and the account, with a question that the frame may answer."""
    from arpcheck.wire.packets import Arrival, decode_request
    from arpcheck.wire.replies import ReplyMatcher

    account = ReplyMatcher(0.0, {"eth0": OUR_MAC}, {"eth0": frozenset({OUR_IP})})
    account.requested(Question(0.0, "eth0", 1, VIP, OUR_IP, None))
    account.requested(Question(0.0, "eth0", 1, VIP, IPv4Address(0), Mac("02:00:00:00:00:11")))
    account.arrived(Arrival("eth0", 1.0, data))
    account.arrived(Arrival("eth0", 1.0, bytes(6) + data[6:]))
    decode_request(data)


def discovery(data: bytes) -> None:
    """Neighbour discovery, also with the checksum set right, which would hide what is read after it."""
    from arpcheck.wire.neighbour_discovery import Advertisement, Solicitation, decode, decode_request
    from arpcheck.wire.packets import Ignored
    from arpcheck.wire.reach_packets import checksum

    bare = data[:56] + b"\0\0" + data[58:]
    pseudo = bare[22:54] + bytes(2) + bare[18:20] + b"\0\0\0\x3a"
    right = checksum(pseudo + bare[54 : 54 + int.from_bytes(bare[18:20], "big")])
    for frame in (data, bare[:56] + right.to_bytes(2, "big") + bare[58:]):
        found = (decode(frame), decode_request(frame))
        assert isinstance(found[0], Advertisement | Ignored)
        assert isinstance(found[1], Solicitation | Ignored)
        assert any(isinstance(one, Ignored) and one.why for one in found)


def capture(data: bytes) -> None:
    """pcap and pcapng, and what is made of them."""
    from arpcheck.wire.capture import captured
    from arpcheck.wire.pcap import entries

    captured(entries(io.BytesIO(data), "file"), [VIP, OUR_IP], "file")


def evidence(data: bytes) -> None:
    from arpcheck import pipeline
    from arpcheck.evidence_json import from_json
    from arpcheck.reports import render

    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    render(pipeline.conclude(from_json(value, "file")), "json")


def fields(data: bytes) -> None:
    """Evidence that is JSON of the right shape, but for some values: judged, and all that is made of a saved run. The
    first octet says of which run, the second what is made of it, and each three that follow change a value."""
    from arpcheck.evidence_json import from_json
    from arpcheck.pipeline import conclude
    from arpcheck.reports import FORMATS, render
    from arpcheck.runs.compare import compare
    from arpcheck.runs.merge import merge
    from arpcheck.runs.redact import redact

    number = data[0] % len(evidences()) if data else 0
    good, (other, other_report) = evidences()[number], concluded(number)
    found = from_json(changed_fields(good, data[2:]), "file")
    match data[1] % (len(FORMATS) + 3) if len(data) > 1 else 0:
        case 0:
            conclude(redact(found).evidence)
        case 1:
            conclude(merge((("a", found), ("b", other))))
        case 2:
            compare((other, other_report), (found, conclude(found)))
        case what:
            render(conclude(found), FORMATS[what - 3])


@cache
def concluded(number: int) -> tuple[Evidence, Report]:
    from arpcheck.evidence_json import from_json
    from arpcheck.pipeline import conclude

    found = from_json(evidences()[number], "file")
    return found, conclude(found)


def mac_map(data: bytes) -> None:
    from arpcheck.mac_owners.mac_list import read_mac_map

    read_mac_map(data.decode("utf-8", "replace"), "file")


def configuration(data: bytes) -> None:
    from arpcheck.kubeproxy.config import read

    read(data.decode("utf-8", "replace"))


def edit(data: bytes) -> None:
    """What is edited says strictARP, and editing it again changes nothing."""
    from arpcheck.kubeproxy.config import read
    from arpcheck.kubeproxy.edit import enable_strict_arp

    found = enable_strict_arp(data.decode("utf-8", "replace"))
    if found.changed:
        assert read(found.text).strict_arp is True
        assert not enable_strict_arp(found.text).changed


def cluster_file(data: bytes) -> None:
    from arpcheck.cluster.files import open_file

    open_file(data, "file")


def event(data: bytes) -> None:
    from arpcheck.loadbalancers.metallb import read_message

    read_message(data.decode("utf-8", "replace"))


def accept(data: bytes) -> None:
    from arpcheck.commands.input_files import acceptances

    acceptances(data, "file")


def kubeconfig(data: bytes) -> None:
    from arpcheck.cluster.kubeconfig import load, names

    with memory_file(data) as path:
        names("contexts", path, {})
        load(path, None, {})


def command_line(data: bytes) -> None:
    """What a pod says that it runs."""
    from arpcheck.kubeproxy.command_line import read

    read(data.decode("utf-8", "replace").split("\0"))


def scene(data: bytes) -> None:
    from arpcheck.lab.scene_file import parse

    parse(data.decode("utf-8", "replace"), "file")


TARGETS = {
    target.__name__: target
    for target in (
        *(frames, discovery, capture, evidence, fields, mac_map, configuration, edit),
        *(cluster_file, event, accept, kubeconfig, command_line, scene),
    )
}


def tried(name: str, data: bytes) -> None:
    """Runs a target; everything but a value or an ArpcheckError comes out. An error has a message."""
    try:
        TARGETS[name](data)
    except ArpcheckError as error:
        if not error.message:
            raise AssertionError("an error without a message") from error
