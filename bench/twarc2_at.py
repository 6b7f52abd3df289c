"""twarc2's own command line, sent to another address: `python -m bench.twarc2_at URL ARGUMENTS...`"""

import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from requests.adapters import HTTPAdapter
from twarc.client2 import Twarc2
from twarc.command2 import twarc2

_NETWORK = "https://api.twitter.com/"


class _Elsewhere(HTTPAdapter):
    def __init__(self, base: str) -> None:
        self._base = urlsplit(base)
        super().__init__()

    def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
        asked = urlsplit(request.url)
        request.url = urlunsplit((self._base.scheme, self._base.netloc, *asked[2:]))
        return super().send(request, **options)


def main() -> None:
    base = sys.argv.pop(1)
    connect = Twarc2.connect

    def connect_elsewhere(client: Twarc2) -> None:
        connect(client)
        client.client.mount(_NETWORK, _Elsewhere(base))

    # The command line makes its client itself, so there is no subclass to hand it.
    Twarc2.connect = connect_elsewhere
    twarc2()


if __name__ == "__main__":
    main()
