"""Secrets are kept encrypted under one path; what fails in the parameter store is told without them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from harvester.aws.parameters import Parameters, keys_text
from harvester.errors import Exit, HarvesterError, NotFound
from tests.support.servers import S3Server

_SECRET = "s3cret-of-the-museum"


@pytest.fixture
def parameters(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Parameters:
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    return Parameters(f"/twarc-cloud/{uuid4().hex}")


@contextmanager
def _answering(code: str, status: int = 400) -> Iterator[str]:
    """A server that answers everything with one error of AWS, which repeats what was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            body = json.dumps({"__type": code, "message": f"what was sent: {sent}"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_written_is_read_again_and_the_next_write_replaces_it(parameters: Parameters) -> None:
    assert not parameters.has_keys("museum")
    assert parameters.write("keys/museum", keys_text({"bearer_token": _SECRET, "consumer_key": ""})) == 1
    assert parameters.has_keys("museum")
    assert parameters.keys("museum") == {"bearer_token": _SECRET}
    assert parameters.write("keys/museum", keys_text({"bearer_token": "newer"})) == 2
    assert parameters.keys("museum") == {"bearer_token": "newer"}


def test_a_key_of_ones_own_encrypts_what_is_written(parameters: Parameters, moto_server: S3Server) -> None:
    import boto3

    ssm = boto3.client("ssm", endpoint_url=moto_server.endpoint, region_name="us-east-1")

    def encrypted_with() -> str:
        named = {"Key": "Name", "Values": [f"{parameters.path}/keys/museum"]}
        return str(ssm.describe_parameters(ParameterFilters=[named])["Parameters"][0]["KeyId"])

    parameters.write("keys/museum", "x")
    assert encrypted_with() == "alias/aws/ssm"
    key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    Parameters(parameters.path, key=key).write("keys/museum", "y")
    assert encrypted_with() == key


def test_it_is_a_secure_string_under_the_path(parameters: Parameters, moto_server: S3Server) -> None:
    import boto3

    parameters.write("keys/museum", _SECRET)
    ssm = boto3.client("ssm", endpoint_url=moto_server.endpoint, region_name="us-east-1")
    found = ssm.get_parameter(Name=f"{parameters.path}/keys/museum")["Parameter"]
    assert found["Type"] == "SecureString"


def test_all_pages_of_what_is_directly_below_are_listed_in_order(parameters: Parameters) -> None:
    names = [f"profile-{number:02}" for number in range(23)]
    for name in reversed(names):
        parameters.write(f"keys/{name}", _SECRET)
    parameters.write("tokens/elsewhere", _SECRET)
    found = parameters.entries("keys")
    assert [entry.name for entry in found] == names
    assert all(entry.version == 1 for entry in found)


def test_what_is_removed_is_gone_and_removing_it_again_says_so(parameters: Parameters) -> None:
    parameters.write("tokens/it", _SECRET)
    assert parameters.remove("tokens/it")
    assert not parameters.remove("tokens/it")
    with pytest.raises(NotFound) as caught:
        parameters.read("tokens/it")
    assert str(caught.value) == f"{parameters.path}/tokens/it is not in the parameter store."


def test_no_value_is_in_the_repr(parameters: Parameters) -> None:
    parameters.write("keys/museum", _SECRET)
    parameters.read("keys/museum")
    assert repr(parameters) == f"Parameters({parameters.path!r})"


@pytest.mark.parametrize("text", [_SECRET, f"[{_SECRET!r}]", f'{{"bearer_token": {_SECRET}'])
def test_keys_that_somebody_else_wrote_wrongly_are_told_without_them(
    parameters: Parameters, text: str
) -> None:
    parameters.write("keys/museum", text)
    with pytest.raises(HarvesterError) as caught:
        parameters.keys("museum")
    error = caught.value
    assert error.exit_code == Exit.UNAUTHORIZED
    assert "--rotate --profile museum" in error.hint
    assert _SECRET not in str(error)
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("code", "words", "exit_code"),
    [
        ("AccessDeniedException", "ssm:PutParameter on /museum/keys/it must be allowed", Exit.UNAUTHORIZED),
        ("InvalidKeyId", "kms:Decrypt", Exit.UNAUTHORIZED),
        ("ExpiredTokenException", "sign in again", Exit.UNAUTHORIZED),
        ("ValidationException", "Check parameter_path", Exit.USAGE),
        ("ParameterLimitExceeded", "remove some", Exit.ERROR),
        ("TooManyUpdates", "in a minute", Exit.RETRY_LATER),
        ("SomethingNew", "in a minute", Exit.ERROR),
    ],
)
def test_each_error_of_aws_says_what_to_do_and_repeats_nothing_that_was_sent(
    code: str, words: str, exit_code: Exit, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _answering(code) as url:
        for name, value in {**moto_server.environment, "AWS_ENDPOINT_URL": url}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(HarvesterError) as caught:
            Parameters("/museum").write("keys/it", _SECRET)
    error = caught.value
    assert error.message == f"The parameter store does not write /museum/keys/it: {code}."
    assert words in error.hint
    assert error.exit_code == exit_code
    assert _SECRET not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_store_that_is_away_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(HarvesterError) as caught:
        Parameters("/museum", region="us-east-1").read("keys/it")
    assert caught.value.message.startswith("The parameter store cannot be reached to read /museum/keys/it")
    assert caught.value.exit_code == Exit.RETRY_LATER


def test_without_a_region_or_keys_it_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HarvesterError) as caught:
        Parameters("/museum")
    assert "region" in caught.value.hint
    with pytest.raises(HarvesterError) as caught:
        Parameters("/museum", region="us-east-1").read("keys/it")
    assert caught.value.message == "There are no AWS keys to read /museum/keys/it with."


@pytest.mark.parametrize("path", ["", "/", "/a b", "/a//b", "/a/*"])
def test_a_path_that_is_none_is_refused_before_anything_is_sent(path: str) -> None:
    with pytest.raises(HarvesterError) as caught:
        Parameters(path, region="us-east-1")
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("name", ["keys/", "keys/../honeybadger", "keys/a b", "keys/ä", "/keys/a"])
def test_a_name_leads_nowhere_else(name: str, parameters: Parameters) -> None:
    with pytest.raises(HarvesterError) as caught:
        parameters.write(name, _SECRET)
    assert caught.value.exit_code == Exit.USAGE


def test_what_is_too_large_is_refused_before_it_is_sent(parameters: Parameters) -> None:
    with pytest.raises(HarvesterError) as caught:
        parameters.write("keys/museum", "x" * 4097)
    assert "larger than 4096 bytes" in str(caught.value)
    assert not parameters.has("keys/museum")
