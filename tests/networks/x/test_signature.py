"""A signature is that of RFC 5849, for whatever stands in the address."""

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st
from oauthlib.oauth1 import Client

from harvester.networks.x.http.request import with_query
from harvester.networks.x.http.signature import Signature

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_SECRET = st.text("abcXYZ019-._~+/=&%", min_size=1, max_size=12)


@given(
    st.dictionaries(st.sampled_from(["query", "tweet.fields", "max_results", "a"]), _TEXT),
    st.sampled_from(["https://api.x.com", "http://127.0.0.1:8080", "https://API.x.com:443"]),
    st.tuples(_SECRET, _SECRET, _SECRET, _SECRET),
)
def test_it_is_the_one_that_oauthlib_makes(
    params: dict[str, str], base: str, keys: tuple[str, str, str, str]
) -> None:
    url = with_query(f"{base}/2/users/12/tweets", params)
    client = Client(*keys)
    client.timestamp, client.nonce = "1700000000", "once"

    found = Signature(*keys).header("GET", url, nonce="once", at=1700000000)

    assert _parts(found) == _parts(client.sign(url)[1]["Authorization"])


def _parts(header: str) -> dict[str, str]:
    return dict(parse_qsl(header.removeprefix("OAuth ").replace(", ", "&").replace('"', "")))
