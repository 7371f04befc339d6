"""Each proof is constructed at exactly one place of the library."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import tls12

PROOFS = {
    "VerifiedIdentity": ("steps.py", "verify_identity"),
    "VerifiedSignature": ("steps.py", "verify_signature"),
    "VerifiedFinished": ("steps.py", "receive_finished"),
    "ResumedSession": ("steps.py", "accept_resumption"),
    "Established": ("steps.py", "finish"),
}


@cache
def library() -> dict[str, ast.Module]:
    """The library's files, parsed."""
    paths = sorted(Path(tls12.__file__).parent.rglob("*.py"))
    return {path.name: ast.parse(text) for path in paths if any(name in (text := path.read_text()) for name in PROOFS)}


def constructions(name: str) -> list[tuple[str, str]]:
    """The file and the function of every call of this class, by whatever way it is named."""
    found = []
    for file, tree in library().items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                found += [(file, function.name) for node in ast.walk(function) if calls(node, name)]
    return found


def calls(node: ast.AST, name: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    return (isinstance(called, ast.Name) and called.id == name) or (
        isinstance(called, ast.Attribute) and called.attr == name
    )


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_is_made_in_one_function_only(name: str) -> None:
    assert constructions(name) == [PROOFS[name]]


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_has_no_other_name_under_which_it_could_be_made(name: str) -> None:
    for file, tree in library().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.alias) and node.name == name:
                assert node.asname is None, file
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                assert node.value.id != name, file
