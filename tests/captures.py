"""Captures made packet by packet, with dpkt."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Sequence
from typing import Any

import dpkt

from tls12.lab.capture import Endpoint

A, B = Endpoint("10.0.0.1", 4000), Endpoint("10.0.0.2", 443)
SYN, ACK = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK


def tcp(sender: Endpoint, receiver: Endpoint, seq: int, data: bytes = b"", flags: int = ACK) -> Any:
    segment = dpkt.tcp.TCP(sport=sender.port, dport=receiver.port, seq=seq % 2**32, flags=flags, data=data)
    if ":" in sender.host:
        source, target = (socket.inet_pton(socket.AF_INET6, end.host) for end in (sender, receiver))
        return dpkt.ip6.IP6(src=source, dst=target, nxt=6, hlim=64, plen=len(segment), data=segment)
    source, target = (socket.inet_aton(end.host) for end in (sender, receiver))
    return dpkt.ip.IP(src=source, dst=target, p=6, len=20 + len(segment), data=segment)


def ethernet(packet: Any) -> bytes:
    kind = dpkt.ethernet.ETH_TYPE_IP6 if isinstance(packet, dpkt.ip6.IP6) else dpkt.ethernet.ETH_TYPE_IP
    return bytes(dpkt.ethernet.Ethernet(src=b"\1" * 6, dst=b"\2" * 6, type=kind, data=packet))


def carrier(protocol: int, data: bytes) -> Any:
    """An IP packet around anything."""
    return dpkt.ip.IP(src=b"\1" * 4, dst=b"\2" * 4, p=protocol, len=20 + len(data), data=data)


def cooked(packet: Any) -> bytes:
    return b"\x00\x00\x00\x01\x00\x06" + bytes(8) + b"\x08\x00" + bytes(packet)


def parts(packet: Any, size: int) -> list[Any]:
    """The packet in fragments of so many bytes, a multiple of 8."""
    payload = bytes(packet.data)
    starts = range(0, len(payload), size)
    return [fragment(packet, at, payload[at : at + size], at + size < len(payload)) for at in starts]


def fragment(packet: Any, at: int, data: bytes, more: bool) -> Any:
    if isinstance(packet, dpkt.ip6.IP6):
        header = bytes((6, 0)) + (at | more).to_bytes(2) + b"\0\0\0\7"
        fixed = bytes(packet)[:4] + (8 + len(data)).to_bytes(2) + b"\x2c\x40" + packet.src + packet.dst
        return dpkt.ip6.IP6(fixed + header + data)
    return dpkt.ip.IP(src=packet.src, dst=packet.dst, p=6, id=7, mf=more, offset=at // 8, len=20 + len(data), data=data)


def vlan(packet: Any) -> bytes:
    frame = ethernet(packet)
    return frame[:12] + b"\x81\x00\x00\x05" + frame[12:]


def vxlan(frame: bytes) -> bytes:
    datagram = dpkt.udp.UDP(sport=50_000, dport=4789, data=b"\x08\0\0\0\0\0\x01\0" + frame)
    datagram.ulen = len(datagram)
    return ethernet(carrier(17, bytes(datagram)))


def capture(packets: Sequence[bytes], link: int = 1, writer: Callable[..., Any] = dpkt.pcap.Writer) -> bytes:
    file = io.BytesIO()
    writing = writer(file, linktype=link) if writer is dpkt.pcap.Writer else writer(file)
    for packet in packets:
        writing.writepkt(packet, ts=1.0)
    return file.getvalue()
