"""Captures: pcap and pcapng files as TCP connections, for the observer and for `tls12 decode`."""

from __future__ import annotations

from tls12.lab.capture.flows import Flow, Flows, read_capture
from tls12.lab.capture.reading import read_streams
from tls12.lab.capture.streams import Chunk, Endpoint, Problem

__all__ = ["Chunk", "Endpoint", "Flow", "Flows", "Problem", "read_capture", "read_streams"]
