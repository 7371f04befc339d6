"""Bytes to typed values and back, without keys. Begin with `messages.py`, then `reader.py` and `writer.py`."""
