"""The innermost IP packet of a frame, for each link type that is read here, by way of `dpkt`.

How it works: each link type that is read (of tcpdump's list of LINKTYPE_ values) has a row that removes its header.
Then the layers that `dpkt` knows are removed (VLAN, MPLS, PPPoE, GRE, VXLAN, IP in IP) down to the innermost IP packet.
Frames of a link type without a row are not read: parsed as IP, each of them would be reported as a broken packet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_ETHERNET, _IPV4, _IPV6 = 1, 0x0021, 0x0057
_IP_IN_IP, _VXLAN = 4, 4789


def innermost(dpkt: Any, link: int, frame: bytes) -> Any:
    """The innermost IP packet in a frame of a link type out of `LINKS`, or None. Raises what `dpkt` raises."""
    layer: Any = LINKS[link](dpkt, frame)
    found: Any = None
    while not isinstance(layer, bytes | dpkt.icmp.ICMP | dpkt.icmp6.ICMP6):  # those two quote other packets
        if isinstance(layer, dpkt.ip.IP | dpkt.ip6.IP6):
            found = layer
        inside = layer.data
        if isinstance(layer, dpkt.udp.UDP) and layer.dport == _VXLAN and isinstance(inside, bytes):
            inside = dpkt.ethernet.Ethernet(inside[8:])  # after the header of RFC 7348 5
        layer = dpkt.ip.IP(inside) if layer is found and layer.p == _IP_IN_IP and isinstance(inside, bytes) else inside
    return found


def name_link(link: int) -> str:
    """A link type for people: its number, and tcpdump's name if that is known here."""
    return f"{link} ({_LINK_NAMES[link]})" if link in _LINK_NAMES else str(link)


def _bare(dpkt: Any, frame: bytes) -> Any:
    return (dpkt.ip6.IP6 if frame[:1] >= b"\x60" else dpkt.ip.IP)(frame)


def _ppp(dpkt: Any, frame: bytes) -> Any:
    """PPP (RFC 1661), with the address and control bytes of RFC 1662 or without them."""
    frame = frame.removeprefix(b"\xff\x03")
    size = 1 if frame[:1] and frame[0] & 1 else 2  # a protocol's number may be shortened (RFC 1661 6.5)
    inside = frame[size:]
    return _bare(dpkt, inside) if int.from_bytes(frame[:size], "big") in (_IPV4, _IPV6) else inside


LINKS: Mapping[int, Callable[[Any, bytes], Any]] = {
    # The four bytes of a loopback header depend on the system that wrote them and on its byte order.
    0: lambda dpkt, frame: _bare(dpkt, frame[4:]),
    108: lambda dpkt, frame: _bare(dpkt, frame[4:]),
    1: lambda dpkt, frame: dpkt.ethernet.Ethernet(frame),
    9: _ppp,
    50: _ppp,
    # Bare IP: the number for files, and the numbers that some systems write instead.
    **dict.fromkeys((12, 14, 101, 228, 229), _bare),
    # Linux' "cooked" headers have the type of their payload at the end (113) or at the start (276).
    113: lambda dpkt, frame: dpkt.ethernet.Ethernet(bytes(12) + frame[14:]),
    276: lambda dpkt, frame: dpkt.ethernet.Ethernet(bytes(12) + frame[:2] + frame[20:]),
}
"""By link type: removes the header of the link layer."""

_LINK_NAMES: Mapping[int, str] = {
    6: "IEEE802_5",
    8: "SLIP",
    10: "FDDI",
    51: "PPP_ETHER",
    104: "C_HDLC",
    105: "IEEE802_11",
    107: "FRELAY",
    109: "ENC",
    117: "PFLOG",
    119: "IEEE802_11_PRISM",
    127: "IEEE802_11_RADIOTAP",
    147: "USER0",
    163: "IEEE802_11_AVS",
    187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX",
    192: "PPI",
    195: "IEEE802_15_4_WITHFCS",
    201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    203: "LAPD",
    220: "USB_LINUX_MMAPPED",
    227: "CAN_SOCKETCAN",
    230: "IEEE802_15_4_NOFCS",
    239: "NFLOG",
    240: "NETANALYZER",
    242: "IPOIB",
    249: "USBPCAP",
    252: "WIRESHARK_UPPER_PDU",
    253: "NETLINK",
    272: "NORDIC_BLE",
}
"""Names of link types that are not read here, from tcpdump's list."""
