"""PyMySQL: the upgrade inside MySQL's protocol, large values."""

import ssl
import sys

import pymysql

port, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
with (
    pymysql.connect(host="localhost", port=int(port), user="user", password="password", ssl=context) as connection,
    connection.cursor() as cursor,
):
    cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
    assert cursor.fetchone()[1]
    cursor.execute("SELECT REPEAT('x', 1000000)")
    assert cursor.fetchone() == ("x" * 1_000_000,)
    cursor.execute("SELECT LENGTH(%s)", ("y" * 1_000_000,))
    assert cursor.fetchone() == (1_000_000,)
