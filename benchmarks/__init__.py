"""Benchmarks: what tls12 costs beside its peers, in one run. `python -m benchmarks` prints the table."""
