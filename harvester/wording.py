"""Numbers, and errors that nobody foresaw, as a person reads them."""


def counted(number: int, what: str) -> str:
    """1 user, 2,000 users."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def unexpected(error: BaseException) -> str:
    """Kind and place of an error that has no words of ours. Its own may hold what is secret."""
    place, trace = "", error.__traceback__
    while trace:
        name = trace.tb_frame.f_globals.get("__name__", "")
        if name.partition(".")[0] == "harvester":
            place = f" in {name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return f"unexpected {type(error).__name__}{place}"
