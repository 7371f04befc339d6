"""psycopg: TLS is spoken by libpq, in C, which links its own OpenSSL: nothing of Python's ssl is used."""

import sys

import psycopg

port, ca = sys.argv[1:]
where = f"host=localhost port={port} dbname=postgres user=user password=password"
with psycopg.connect(f"{where} sslmode=verify-full sslrootcert={ca} channel_binding=require") as connection:
    assert connection.execute("SELECT 1").fetchone() == (1,)
