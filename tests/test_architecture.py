"""docs/architecture.md says where to add what: the places exist, and the extensions that there are stand in them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import tls12
from tests.ends import our_client
from tls12.agreement import Agreed, Terms
from tls12.events import Negotiated
from tls12.handshake import common_extensions
from tls12.handshake.client import ClientHandshake
from tls12.handshake.client_hello import ClientHellos
from tls12.handshake.negotiation import Offer
from tls12.handshake.proofs import Established
from tls12.handshake.server import ServerHandshake
from tls12.handshake.server_hello import ServerHellos
from tls12.lab.script import Script
from tls12.policy import Policy
from tls12.resumption.sessions import Session
from tls12.wire.extensions import TABLE
from tls12.wire.hello import ClientHello

PACKAGE = Path(tls12.__file__).parent
PAGE = PACKAGE.parent / "docs" / "architecture.md"
CLASSES = {
    cls.__name__: cls for cls in (Agreed, ClientHellos, Established, Negotiated, Offer, ServerHellos, Session, Terms)
}
NOTHING_TO_JUDGE = {"ServerNameAck", "SupportedGroups"}
"""Answers of a server that settle nothing."""


def where_to_add_what() -> str:
    return PAGE.read_text().partition("## Where to add what")[2].partition("\n## ")[0]


def test_the_files_and_the_methods_of_the_page_exist() -> None:
    words = re.findall(r"`([^`]+)`", where_to_add_what())
    files = [word for word in words if re.fullmatch(r"[\w/]+(\.py|/)", word)]
    methods = [word.split(".") for word in words if word.partition(".")[0] in CLASSES and "." in word]
    assert {"table.py"} <= {Path(file).name for file in files}
    assert len(methods) >= 5
    for file in files:
        assert any((place / file).exists() for place in (PACKAGE, PACKAGE.parent)), file
    for cls, method in methods:
        assert callable(getattr(CLASSES[cls], method)), (cls, method)


def test_every_module_is_said_to_be_public_or_internal() -> None:
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text().partition("## What is public")[2]
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name for name in names if f"`tls12.{name}`" not in text} == {"__init__", "__main__"}


def test_the_steps_that_a_subclass_may_override_exist_and_are_named_by_what_they_return() -> None:
    table = PAGE.read_text().partition("### Overriding one step")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 7
    for kinds, _, *columns in rows:
        prefixes = tuple(kind[:-1] for kind in re.findall(r"`(\w+\*)`", kinds))
        for handshake, names in zip((ClientHandshake, ServerHandshake), columns, strict=True):
            steps = re.findall(r"`(\w+)`", names)
            assert steps
            for step in steps:
                assert callable(getattr(handshake, step)), (handshake, step)
                assert step.startswith(prefixes) or not prefixes, step


def fullest_hello() -> ClientHello:
    """A ClientHello with every extension that this client can offer."""
    client, script = (
        our_client(
            policy=Policy.compatible().replace(certificate_schemes=Policy.default().signature_schemes),
            alpn_protocols=("h2",),
            request_ocsp=True,
            request_scts=True,
            max_fragment_length=512,
        ),
        Script("server"),
    )
    client.start()
    script.receive_data(client.take())
    assert script.client_hello is not None
    return script.client_hello


HELLO = fullest_hello()
OFFERED = [type(extension).__name__ for extension in HELLO.extensions or ()]


@pytest.mark.parametrize("name", OFFERED)
def test_an_extension_is_offered_in_one_function(name: str) -> None:
    source = inspect.getsource(ClientHellos.build_extensions)
    made = {name: type(value).__name__ for name, value in vars(common_extensions).items()}
    functions = inspect.getmembers(common_extensions, callable)
    made |= {
        n: str(inspect.signature(f).return_annotation)
        for n, f in functions
        if inspect.getmodule(f) is common_extensions
    }
    spelled = {name, *(f"common.{constant}" for constant, kind in made.items() if kind == name)}
    assert any(re.search(rf"\b{word}\b", source) for word in spelled)


ROWS = [TABLE[extension.extension_type] for extension in HELLO.extensions or ()]
ANSWERS = [row.server.__self__.__name__ for row in ROWS if row.server is not None]  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_a_server_may_give_is_judged_by_the_client(answer: str) -> None:
    source = inspect.getsource(ClientHellos.check_server_hello)
    called = re.findall(r"self\.(check_\w+)", source)
    everything = source + "".join(inspect.getsource(getattr(ClientHellos, name)) for name in called)
    assert (answer in NOTHING_TO_JUDGE) is not bool(re.search(rf"\b{answer}\b", everything))
