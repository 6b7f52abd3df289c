"""Bytes become an object, or an error that says what is wrong and with what."""

import pytest

from harvester.documents import checked, object_in, written
from harvester.errors import Exit, HarvesterError


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it is not JSON: "),
        (b'{"owner": ', "it is not JSON: "),
        (b'{"owner": "\xff"}', "it is not JSON: "),
        (b"[" * 5000, "it is not JSON: "),
        (b"null", "it is not a JSON object."),
        (b'["owner"]', "it is not a JSON object."),
        (b'{"owner": "me"}', "it has no state, time."),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(data: bytes, problem: str) -> None:
    with pytest.raises(HarvesterError) as raised:
        checked(data, "it", "owner", "state", "time", hint="Mend it.", exit_code=Exit.USAGE)
    assert raised.value.message.startswith(problem)
    assert (raised.value.hint, raised.value.exit_code) == ("Mend it.", Exit.USAGE)
    assert object_in(data) == ({"owner": "me"} if "has no" in problem else {})


def test_a_document_that_is_written_is_read() -> None:
    tree = {"owner": None, "query": "mus\u00e9e"}
    assert checked(written(tree), "it", "owner") == object_in(written(tree).decode()) == tree
    assert written(tree).endswith(b"}\n")
