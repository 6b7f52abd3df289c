"""A secret is in no line of a log, however an error shows it."""

import base64
import io
import json
import logging
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.monitoring.scrubber import Scrubber, SecretFilter
from harvester.text import unexpected
from tests.support import secret_scan

_SECRET = st.text(
    string.ascii_letters + string.digits + "%+/=\n\u2026'\"\\", min_size=12, max_size=40
).filter(lambda text: max(map(len, text.split()), default=0) >= 8)
_SHOWN: tuple[Callable[[str], str], ...] = (
    str,
    repr,
    ascii,
    json.dumps,
    quote,
    lambda secret: quote(secret, safe=""),
    lambda secret: str(ValueError(f"Invalid header value {secret.encode()!r}")),
    lambda secret: f"Authorization: Bearer {secret}",
)


@given(_SECRET, st.sampled_from(_SHOWN))
def test_a_secret_is_hidden_in_whatever_form_it_is_shown(secret: str, shown: Callable[[str], str]) -> None:
    clean = Scrubber.of({}, {secret}).scrubbed(f"it failed: {shown(secret)}.")

    assert secret_scan.found_in(clean.encode(), {secret}) == []


@given(st.text(string.ascii_letters, min_size=12, max_size=40), st.text(max_size=12), st.text(max_size=12))
def test_the_search_for_secrets_finds_each_form_it_may_have(secret: str, before: str, after: str) -> None:
    for form in (
        secret.encode(),
        repr(secret).encode(),
        secret.encode("utf-16"),
        base64.b64encode(f"{before}{secret}{after}".encode()),
    ):
        assert secret_scan.found_in(b"x" + form + b"y", {secret}) == [secret]


def test_a_log_is_without_secrets_in_lines_arguments_and_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEARER_TOKEN", "of-the-environment")
    written, hidden = io.StringIO(), SecretFilter()
    handler = logging.StreamHandler(written)
    handler.addFilter(hidden)
    log = logging.Logger("test")
    log.addHandler(handler)
    hidden.hide({"of-a-profile", ""})

    log.warning("%s and %s", "of-the-environment", "of-a-profile")
    try:
        raise ValueError("Bearer of-a-profile")
    except ValueError:
        log.exception("no header")

    assert "of-" not in written.getvalue()
    assert (
        "[hidden] and [hidden]" in written.getvalue() and "ValueError: Bearer [hidden]" in written.getvalue()
    )


def test_an_unexpected_error_is_told_by_kind_and_place_and_not_by_its_words() -> None:
    try:
        Scrubber.of({}, None)  # type: ignore[arg-type]
    except TypeError as error:
        told = unexpected(error)

    assert told.startswith("unexpected TypeError in harvester.monitoring.scrubber, line ")
    assert unexpected(ValueError("s3cret")) == "unexpected ValueError"


def test_a_line_of_a_secret_is_hidden_too_and_of_two_secrets_the_longer_one_is_hidden_whole() -> None:
    scrubber = Scrubber.of({}, {"first-half\nsecond-half", "abcdef", "abcdef-and-its-end"})

    assert scrubber.scrubbed("second-half, abcdef-and-its-end") == "[hidden], [hidden]"
