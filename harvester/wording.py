"""Numbers as a person reads them, with what they count."""


def counted(number: int, what: str) -> str:
    """1 user, 2,000 users."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
