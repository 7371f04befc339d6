"""Who a peer is, and who we are: trust stores, verifiers, credentials."""
