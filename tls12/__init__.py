"""TLS 1.2, client and server, as a sans-IO core: bytes in, events and bytes out."""
