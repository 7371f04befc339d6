"""The errors as values: which are OSErrors, what they print, and that they can be copied and pickled."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

from tls12 import errors
from tls12.errors import BadRecordMac, DecodeError, PeerAlert, TLSError, UsageError
from tls12.registry import Alert

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == errors.__name__
]

EXAMPLES: list[errors.Reasoned] = [
    TLSError("it failed", alert=Alert.ACCESS_DENIED, rule="RFC 5246 7.2", remedy="try again"),
    UsageError("a bug of the caller", remedy="mend it"),
    DecodeError("too short", path="hello.random", offset=7),
    PeerAlert(Alert.HANDSHAKE_FAILURE, remedy="ask the peer"),
    BadRecordMac(),
]


def test_all_that_can_happen_to_a_connection_is_an_oserror_and_a_mistake_of_the_caller_is_none() -> None:
    outside = {kind.__name__ for kind in CLASSES if not issubclass(kind, OSError)}
    assert outside == {"Reasoned", "UsageError"}
    assert not issubclass(UsageError, TLSError)
    assert issubclass(UsageError, ValueError)
    assert len(CLASSES) > 25


def test_an_error_has_no_errno_that_code_for_sockets_could_take_for_another() -> None:
    error = TLSError("it failed", rule="RFC 5246 7.2", remedy="try again")
    assert (error.errno, error.strerror, error.filename) == (None, None, None)
    assert str(error) == "it failed (RFC 5246 7.2); try again"
    assert error.args == ("it failed",)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_copy_of_an_error_and_a_pickle_say_the_same(error: errors.Reasoned, copied: object) -> None:
    assert callable(copied)
    other = copied(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert repr(other) == repr(error)
    assert vars(other) == vars(error)
    assert (other.alert, other.rule, other.remedy) == (error.alert, error.rule, error.remedy)
