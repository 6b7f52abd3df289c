"""Whether the X API can be reached at all, in the way in which harvests reach it."""

from datetime import datetime

from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from harvester.clock import Stop, http_date
from harvester.errors import Exit, HarvesterError
from harvester.errors.connections import cause_of
from harvester.networks.x.http.interruptible import Sockets, session
from harvester.networks.x.http.request import Wire, require_address


def clock_at(base_url: str) -> datetime | None:
    """The time by X's clock, which any answer carries; raises if none comes. No keys are sent."""
    require_address(base_url)
    opened = session(Sockets(Stop()), base_url=base_url, pool=1)
    try:
        reply = Wire(opened, base_url=base_url).send("GET", f"{base_url.rstrip('/')}/", params=None)
        reply.close()
        return http_date(reply.headers.get("date"))
    except (RequestException, HTTPError, OSError) as error:
        cause = cause_of(error)
        raise HarvesterError(
            f"{base_url} cannot be reached: {cause.said}.", hint=cause.hint, exit_code=Exit.RETRY_LATER
        ) from error
    finally:
        opened.close()
