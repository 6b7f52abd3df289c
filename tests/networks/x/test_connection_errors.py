"""Every cause of a failed connection is named, with what to do; real servers provoke each."""

import re
import socket
import ssl
import struct
import threading
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harvester.clock import Stop
from harvester.errors import Exit, HarvesterError
from harvester.errors.connections import cause_of
from harvester.networks.x.client import XClient
from harvester.networks.x.http.reach import clock_at
from harvester.networks.x.keys import Keys
from tests.support.cli_session import Person
from tests.support.scripted_x import HandClock

Answer = Callable[[socket.socket], None]
# Names of Python's and OpenSSL's, and numbers of errors.
_NOT_WORDS = re.compile(
    r"\b[A-Z]\w*(Error|Exception|Disconnected|Line)\b|urlopen|Errno|_ssl\.c|[A-Z]+_[A-Z]+_"
)


@contextmanager
def _listening(answer: Answer | None, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server that treats each connection so; without an answer it takes none."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if answer:
            listener.listen()
            threading.Thread(target=_serve, args=(listener, answer, tls), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _serve(listener: socket.socket, answer: Answer, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            taken, _ = listener.accept()
            with closing(tls.wrap_socket(taken, server_side=True) if tls else taken) as sock:
                answer(sock)
        except ValueError:
            return
        except OSError:
            if listener.fileno() < 0:
                return


def _says(text: bytes) -> Answer:
    def answer(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(text)

    return answer


def _resets(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _certificate(folder: Path, *, days: tuple[int, int] = (-1, 1), host: str = "127.0.0.1") -> ssl.SSLContext:
    """A server's side with a certificate that nobody trusts; `ca.pem` in the folder has it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


def _old_tls(folder: Path) -> ssl.SSLContext:
    context = _certificate(folder)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Python warns of these versions, as they are what is refused here.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


# Answer, side of TLS, whether its certificate is trusted, the scheme asked for, words and advice.
_CASES: dict[str, tuple[Answer | None, Callable[[Path], ssl.SSLContext] | None, bool, str, str, str]] = {
    "nobody listens": (None, None, False, "http", "the connection was refused", "whether the service runs"),
    "a reset": (_resets, None, False, "http", "the connection was closed before the answer", "Try again"),
    "an early end": (
        lambda _: None,
        None,
        False,
        "http",
        "the connection was closed before the answer",
        "Try",
    ),
    "no HTTP": (
        _says(b"SSH-2.0-OpenSSH_9.6\r\n"),
        *(None, False, "http", "what answers there does not speak HTTP", "Check the address"),
    ),
    "no TLS": (
        _says(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
        *(None, False, "https", "it does not use TLS on this port", "Use another port"),
    ),
    "a certificate of its own": (
        lambda _: None,
        *(_certificate, False, "https", "its TLS certificate is self-signed", "set REQUESTS_CA_BUNDLE"),
    ),
    "a certificate that is over": (
        lambda _: None,
        *(lambda folder: _certificate(folder, days=(-9, -2)), True),
        *("https", "its TLS certificate has expired", "Check the clock"),
    ),
    "a certificate of tomorrow": (
        lambda _: None,
        *(lambda folder: _certificate(folder, days=(2, 9)), True),
        *("https", "its TLS certificate is not valid yet", "Check the clock"),
    ),
    "a certificate of another host": (
        lambda _: None,
        *(lambda folder: _certificate(folder, host="127.0.0.2"), True),
        *("https", "its TLS certificate is for another host", "Check the address"),
    ),
    "an old version of TLS": (
        lambda _: None,
        *(_old_tls, True, "https", "it offers no TLS version that is accepted here", "TLS 1.2 or newer"),
    ),
}


def _client(url: str) -> XClient:
    return XClient(Keys(bearer_token="t"), base_url=url, clock=HandClock(), stop=Stop(), patience=1.0)


def _failures(url: str) -> Iterator[HarvesterError]:
    """What a request of a harvest and what doctor's make of it."""
    client = _client(url)
    for ask in (lambda: client.timeline("7"), lambda: clock_at(url)):
        with pytest.raises(HarvesterError) as caught:
            ask()
        yield caught.value


def _require_words(error: HarvesterError, words: str, advice: str) -> None:
    assert words in error.message and advice in error.hint, str(error)
    assert not _NOT_WORDS.search(str(error).replace("REQUESTS_CA_BUNDLE", "").replace("HTTPS_PROXY", ""))


@pytest.mark.parametrize("case", _CASES)
def test_a_connection_that_fails_is_told_in_words(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, secured, trusted, scheme, words, advice = _CASES[case]
    tls = secured(tmp_path) if secured else None
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with _listening(answer, tls=tls) as where:
        for error in _failures(f"{scheme}://{where}"):
            _require_words(error, words, advice)
            assert error.exit_code == Exit.RETRY_LATER


def test_a_host_that_there_is_not_is_told_in_words() -> None:
    for error in _failures(f"http://{'a' * 64}.example"):
        _require_words(error, "there is no host of this name", "Check the network and its DNS server;")


def test_an_answer_that_does_not_come_or_ends_early_is_told_in_words() -> None:
    held = threading.Event()

    def is_silent(_: socket.socket) -> None:
        held.wait(30)

    with _listening(is_silent) as where, pytest.raises(OSError) as caught:
        urllib.request.urlopen(f"http://{where}", timeout=0.2)
    held.set()
    assert cause_of(caught.value).said == "there was no answer in time"
    cut = _says(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{")
    with _listening(cut) as where, pytest.raises(HarvesterError) as told:
        _client(f"http://{where}").timeline("7")
    _require_words(told.value, "the connection was closed within the answer", "Try again in a minute.")


@pytest.mark.parametrize(
    ("answer", "scheme", "words"),
    [
        (None, "http", "the proxy cannot be used: the connection was refused"),
        (None, "https", "the proxy cannot be used: the connection was refused"),
        (_says(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"), "https", "the proxy "),
    ],
    ids=["refused", "refused for TLS", "refuses the tunnel"],
)
def test_a_proxy_that_does_not_work_is_told_in_words(
    answer: Answer | None, scheme: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _listening(answer) as where:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://{where}")
        for error in _failures(f"{scheme}://api.invalid"):
            assert words in error.message and "HTTPS_PROXY" in str(error), str(error)
            assert not _NOT_WORDS.search(str(error).replace("HTTPS_PROXY", "").replace("HTTP_PROXY", ""))


@pytest.mark.parametrize(
    ("made", "words"),
    [(False, "there is no file of certificates"), (True, "holds no certificates")],
    ids=["missing", "empty"],
)
def test_a_file_of_certificates_that_is_none_is_told_in_words(
    made: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    if made:
        bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    for error in _failures("https://127.0.0.1:1"):
        assert words in error.message and str(bundle) in error.message
        assert "REQUESTS_CA_BUNDLE" in error.hint and "Errno" not in str(error)


def test_doctor_reports_the_same_and_no_address_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    person = Person(tmp_path)
    with _listening(None) as where:
        monkeypatch.setenv("X_API_URL", f"http://{where}")
        told = person("doctor")
    assert f"BAD X API: http://{where} cannot be reached: the connection was refused. Check" in told.out
    for address in ("foo", "ftp://x.com", "//x.com"):
        monkeypatch.setenv("X_API_URL", address)
        refused = f"x_api_url is {address!r}; it must be an address, e.g. https://api.x.com."
        assert f"BAD settings: {refused}" in person("doctor").out
        told = person("collection", "list")
        assert told.code == Exit.USAGE and refused in told.err
