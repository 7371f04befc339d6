"""Counting work instead of timing it: bytecode instructions, which are the same on every machine and under any load."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def operations(call: Callable[[], object]) -> int:
    """How many bytecode instructions and calls into C the call executes; what C does inside is not seen.

    The garbage collector is off meanwhile: the finalizers of other tests' objects would be counted, or end the trace.
    """
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return trace

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "c_call"

    outer = sys.gettrace()
    gc.collect()
    gc.disable()
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(outer)
        sys.setprofile(None)
        gc.enable()
    return count
