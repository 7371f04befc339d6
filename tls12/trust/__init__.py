"""The identity of the peer and our own: trust stores, verifiers, credentials."""
