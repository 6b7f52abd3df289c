"""The keys of a network: whose they are, of which app, and what of them may be shown nowhere."""


class Keys:
    """What a network is asked with; as it stands here, of one that asks for no keys."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may be in no log and no notice."""
        return ()

    @property
    def app(self) -> str:
        """What tells the app that they are of from all others, and no secret; empty if that is unknown."""
        return ""

    @property
    def account(self) -> str:
        """The id of the account that requests are signed for; empty for an app's, and where it is unknown."""
        return ""

    @property
    def whose(self) -> str:
        """Whose they are, in words."""
        return "none are needed."
