"""The handshake: a table of which message may come when, a generator for each side, proofs as objects."""
