"""asyncpg: a pool of connections (SCRAM-SHA-256: it has no channel binding), large values."""

import asyncio
import ssl
import sys

import asyncpg

port, ca = sys.argv[1:]


async def main() -> None:
    context = ssl.create_default_context(cafile=ca)
    options = {"host": "localhost", "port": int(port), "user": "user", "password": "password", "database": "postgres"}
    async with asyncpg.create_pool(**options, ssl=context, min_size=2, max_size=4) as pool:
        answers = await asyncio.gather(*(pool.fetchval("SELECT repeat('x', $1)", 500_000) for _ in range(12)))
        assert answers == ["x" * 500_000] * 12
        assert await pool.fetchval("SELECT length($1)", "y" * 1_000_000) == 1_000_000
        assert await pool.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


asyncio.run(main())
