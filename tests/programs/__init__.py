"""Programs that know nothing of tls12, each against another TLS stack, by the plain interpreter and under `tls12 run`.

| file | what it holds |
| --- | --- |
| `scripts/` | the programs, as a user writes them; nothing in them imports tls12 |
| `services.py` | servers of others that the clients among them talk to |
| `visitors.py` | clients of others that talk to the servers among them |
| `catalogue.py` | one row for each program: which script, which other end, what was exercised |
| `running.py` | the two ways to run a program |
| `programs_table.py` | docs/programs.md, written by the run |
"""
