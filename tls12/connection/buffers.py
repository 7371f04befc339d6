"""Buffers of callers: taken as they come, handed out in portions, never kept.

How it works: everything that Python calls a buffer is read as bytes, whatever its item size and shape. Output waits as
the pieces that the record layer made, in a list, which takes less memory than a deque. A portion is cut off the first
piece, of which a view remains, so that fetching a large output in small portions takes linear time.
"""

from __future__ import annotations

from tls12.errors import UsageError
from tls12.given import name_value
from tls12.wire.records import Buffer

NOTHING = bytearray()
"""Means: read what the record layer holds. It is compared with `is`, because an empty `bytes` is the end of stream."""


def byte_buffer(data: object) -> bytearray | memoryview:
    """Any buffer as one whose items are bytes. Raises `UsageError` for what is none."""
    if type(data) is bytearray:
        return data
    try:
        view = memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"the data is {name_value(data)}; give bytes, bytearray or memoryview") from None
    return view.cast("B") if view.c_contiguous else memoryview(bytes(view))


def take_portion(pieces: list[Buffer], amount: int) -> bytes:
    """Take the first `amount` bytes out of `pieces`. Raises `UsageError` for a negative amount."""
    if type(amount) is not int:
        raise UsageError(f"data_to_send() takes a number of bytes, or None, not {name_value(amount)}")
    if amount < 0:
        raise UsageError(f"data_to_send({amount}): a negative amount cannot be sent")
    if not pieces:
        return b""
    if len(pieces) > 1 and len(pieces[0]) <= amount:
        # What an earlier portion left of the first piece is copied again, but is no longer than this one: still linear.
        pieces[:] = [b"".join(pieces)]
    first = memoryview(pieces[0])
    portion, rest = bytes(first[:amount]), first[amount:]
    # No call follows before the return, so no signal handler runs in between and loses the portion.
    if rest:
        pieces[0] = rest
    else:
        del pieces[0]
    return portion
