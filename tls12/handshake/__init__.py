"""The handshake: a table that guards, a generator that tells the story, proofs as objects."""
