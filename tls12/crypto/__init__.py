"""Keys and bytes: key exchange, signatures, key schedule and record protection, without protocol state."""
