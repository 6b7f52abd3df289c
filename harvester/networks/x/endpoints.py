"""The endpoints of the X API that are asked: where they are, and what each demands."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """Where requests go; its name is that of its rate window and of its line on the bill."""

    name: str
    method: str = "GET"
    spacing: float = 0.0
    app_only: bool = False
    form: bool = False

    @property
    def own(self) -> str:
        """Its line on the bill where a person asks for the person's own: X charges less for that."""
        return f"{self.name} (own account)"

    @property
    def window(self) -> str:
        return self.name if self.method == "GET" else f"{self.method} {self.name}"


TIMELINE = Endpoint("users/:id/tweets")
SEARCH_RECENT = Endpoint("tweets/search/recent")
SEARCH_ALL = Endpoint("tweets/search/all", spacing=1.0, app_only=True)
COUNTS = Endpoint("tweets/counts/recent")
COUNTS_ALL = Endpoint("tweets/counts/all", spacing=1.0, app_only=True)
USERS = Endpoint("users")
USERS_BY_NAME = Endpoint("users/by")
TWEETS = Endpoint("tweets")
FOLLOWERS = Endpoint("users/:id/followers")
FOLLOWING = Endpoint("users/:id/following")
LISTS = {"followers": FOLLOWERS, "following": FOLLOWING}
USAGE = Endpoint("usage/tweets", app_only=True)
STREAM = Endpoint("tweets/search/stream", app_only=True)

RULES = Endpoint("tweets/search/stream/rules", app_only=True)
CHANGE_RULES = Endpoint("tweets/search/stream/rules", method="POST", app_only=True)
RULE_COUNTS = Endpoint("tweets/search/stream/rules/counts", app_only=True)
CONNECTIONS = Endpoint("connections/all", method="DELETE", app_only=True)
TOKEN = Endpoint("oauth2/token", method="POST", app_only=True, form=True)
