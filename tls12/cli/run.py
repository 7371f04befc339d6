"""`tls12 run`: run a Python program, unmodified, with its TLS by this library (`tls12.sslcompat.install`).

How it works: the module `ssl` is prepared first. Then the program runs in this process as `python` would run it: as
`__main__`, with its own arguments, and with its folder (or with -m the present one) at the beginning of `sys.path`. An
exception of the program is shown as a traceback, and never as an error of this command. Other Pythons that the program
starts are prepared in the same way (`children/sitecustomize.py`).
"""

from __future__ import annotations

import argparse
import builtins
import io
import json
import os
import runpy
import sys
import types
from pathlib import Path
from typing import Any

from tls12 import sslcompat
from tls12.cli import options
from tls12.cli.output import CommandError

_FAILED = 1
"""The exit code of a program that an exception ended."""


def add_parser(subparsers: Any) -> None:
    """The command's own options."""
    parser = subparsers.add_parser(
        "run",
        help="run a Python program with its TLS by this library",
        description=__doc__.partition("\n")[0],
        usage="tls12 run [--keylog FILE] [--policy NAME] [--] (SCRIPT | -m MODULE) [ARGUMENT ...]",
    )
    parser.set_defaults(run=run, json=False, color="auto", verbose=False)
    parser.add_argument("--keylog", metavar="FILE", help="append the secrets of all connections to FILE, for Wireshark")
    parser.add_argument(
        "--policy",
        type=options.policy_name,
        choices=options.POLICIES,
        help="bounds what the program's contexts may negotiate (see `tls12 suites`)",
    )
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, help="the module to run, and its arguments")
    parser.add_argument("program", nargs=argparse.REMAINDER, help="the script to run, and its arguments")


def run(arguments: argparse.Namespace) -> int:
    """Run the program to its end; gives its exit code."""
    words = list(arguments.program)
    if words[:1] == ["--"]:
        words.pop(0)
    if arguments.module is not None:
        words = ["-m", *arguments.module, *words]
    is_module = words[:1] == ["-m"]
    if is_module:
        words.pop(0)
    if not words:
        raise CommandError("there is no program to run", "give a script, or -m and a module: tls12 run -- script.py")
    policy = None if arguments.policy is None else options.POLICIES[arguments.policy]()
    sslcompat.install(keylog=arguments.keylog, policy=policy)
    _prepare_children(arguments.keylog, arguments.policy)
    sys.argv = words
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    try:
        _run_module(words[0]) if is_module else _run_script(words[0], main)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        error.__traceback__ = _from_program(error)
        sys.excepthook(type(error), error, error.__traceback__)
        return _FAILED
    return 0


def _prepare_children(keylog: str | None, policy: str | None) -> None:
    """Let the Pythons that inherit the environment of this process do the same."""
    settings = {"keylog": None if keylog is None else os.path.abspath(keylog), "policy": policy}
    os.environ["TLS12_RUN"] = json.dumps(settings)
    folders = [str(Path(__file__).parent / "children"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(folders)


def _run_module(name: str) -> None:
    _search(os.getcwd())
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def _run_script(path: str, main: types.ModuleType) -> None:
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        _search(path)
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        return
    try:
        with io.open_code(os.path.abspath(path)) as file:
            source = file.read()
    except OSError as error:
        raise CommandError(f"the script {path} cannot be read: {error.strerror}", "check its name") from None
    _search(os.path.dirname(os.path.realpath(path)))
    main.__file__ = path
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)


def _search(folder: str) -> None:
    """Put a folder where `python` puts that of its program: in the place of the one of this command."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _from_program(error: BaseException) -> types.TracebackType | None:
    """The traceback without the frames of this command."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename in (__file__, runpy.__file__):
        traceback = traceback.tb_next
    return traceback
