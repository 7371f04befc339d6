"""The `tls12` command: one module per subcommand, each with `add_parser` and `run`."""
