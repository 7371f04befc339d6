"""Bytes to typed values and back, nothing else: no keys, no state (see `codec.py`, then `messages.py`)."""
