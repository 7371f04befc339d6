"""MySQL Connector/Python, its implementation in Python: the upgrade inside MySQL's protocol, a large value."""

import sys

import mysql.connector

port, ca = sys.argv[1:]
connection = mysql.connector.connect(
    host="localhost", port=int(port), user="user", password="password",
    ssl_ca=ca, ssl_verify_cert=True, ssl_verify_identity=True, use_pure=True,
)  # fmt: skip
cursor = connection.cursor()
cursor.execute("SELECT REPEAT('x', 1000000)")
assert cursor.fetchone() == ("x" * 1_000_000,)
connection.close()
