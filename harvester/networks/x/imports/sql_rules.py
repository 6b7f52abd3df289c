"""Rows of rules from an SQL database: its table `rules`, or what a query returns."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harvester.documents import Tree
from harvester.errors import Exit, HarvesterError
from harvester.errors.packages import missing_package
from harvester.networks.x.imports.deadlines import away, within_deadlines
from harvester.networks.x.imports.redis_rules import in_url
from harvester.networks.x.imports.rows import Row
from harvester.networks.x.imports.rule_text import unusable

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

PASSWORD = "TWARC_CLOUD_SQL_PASSWORD"
TABLE = "rules"
_URL = "Use an SQLAlchemy URL, e.g. sqlite:///rules.db or postgresql+psycopg://user@host/database."


def rows_in(url: str, query: str | None, environment: Mapping[str, str]) -> tuple[str, list[Row]]:
    """The name of the database without anything secret, and its rules."""
    try:
        import sqlalchemy
    except ModuleNotFoundError as error:
        raise missing_package("sqlalchemy", "--sql", requirements="requirements-rules.txt") from error

    place = _place(url)
    server = _shown(place)
    password = environment.get(PASSWORD) or None
    engine = _engine(place.set(password=password) if password else place)

    def read(connected: Callable[[], None]) -> list[Row]:
        try:
            connection = engine.connect()
        except sqlalchemy.exc.SQLAlchemyError as error:
            hint = f"Check the address, whether the server runs, and {PASSWORD}."
            raise away(server, _why(error, password), hint=hint) from error
        connected()
        try:
            with connection:
                return _rows(connection, query, server)
        except sqlalchemy.exc.SQLAlchemyError as error:
            hint = "Correct the query." if query else f"Without a table {TABLE}, name the rules with --query."
            raise unusable(f"{server} refuses the query: {_why(error, password)}", hint) from error
        finally:
            engine.dispose()

    return server, within_deadlines(read, server=server)


def _place(url: str) -> "URL":
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        place = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise HarvesterError("--sql is not a URL of a database.", hint=_URL, exit_code=Exit.USAGE) from error
    if place.password or any("passw" in name.lower() for name in place.query):
        raise in_url("--sql", PASSWORD)
    if place.get_backend_name() == "sqlite" and place.database not in (None, "", ":memory:"):
        _require_file(place)
    return place


def _require_file(place: "URL") -> None:
    """SQLite creates what is not there."""
    name = str(place.database).removeprefix("file:").partition("?")[0]
    if not Path(name).is_file():
        raise HarvesterError(f"There is no database file {name}.", hint=_URL, exit_code=Exit.USAGE)


def _shown(place: "URL") -> str:
    host = f"{place.host}{f':{place.port}' if place.port else ''}" if place.host else ""
    return f"{place.drivername}://{host}/{place.database or ''}"


def _engine(place: "URL") -> "Engine":
    import sqlalchemy

    try:
        return sqlalchemy.create_engine(place)
    except ModuleNotFoundError as error:
        # Not every package has the name of its module: a command could install one of a stranger.
        raise HarvesterError(
            f"{place.drivername}:// needs the Python module {error.name}, which is not installed.",
            hint="Install the driver that SQLAlchemy's documentation names for this address.",
            exit_code=Exit.USAGE,
        ) from error
    except sqlalchemy.exc.ArgumentError as error:
        raise HarvesterError(
            f"SQLAlchemy has no driver {place.drivername}.", hint=_URL, exit_code=Exit.USAGE
        ) from error


def _rows(connection: "Connection", query: str | None, server: str) -> list[Row]:
    # As it is: a colon or a percent sign in it is no parameter.
    options = connection.execution_options(no_parameters=True)
    result = options.exec_driver_sql(query or f"SELECT * FROM {TABLE}")
    if not result.returns_rows:
        raise unusable("The query returns no rows", "Use a SELECT.")
    columns = list(result.keys())
    if "value" not in [column.lower() for column in columns]:
        what = "The query" if query else f"The table {TABLE} of {server}"
        hint = "Name one in the query: SELECT term AS value, label AS tag FROM ..."
        raise unusable(f"{what} has no column value; its columns are: {', '.join(columns)}", hint)
    if twice := next((name for name in columns if columns.count(name) > 1), ""):
        raise unusable(f"The query returns two columns {twice}", "Rename one of them with AS.")
    return [
        _row(f"row {number}", dict(zip(columns, cells, strict=True)))
        for number, cells in enumerate(result, start=1)
    ]


def _row(place: str, cells: Tree) -> Row:
    found = {name: _value(cell) for name, cell in cells.items() if cell is not None}
    named = next((cell for name, cell in cells.items() if name.lower() == "value"), None)
    broken = isinstance(named, bytes | memoryview) and "\\x" in _text(named)
    return Row(place, found, "is not text in UTF-8" if broken else "")


def _value(cell: Any) -> Any:
    """As JSON has it."""
    if isinstance(cell, str):
        return cell
    try:
        return orjson.loads(orjson.dumps(cell, default=_text))
    except TypeError:
        return str(cell)


def _text(cell: Any) -> str:
    return (
        bytes(cell).decode("utf-8", "backslashreplace") if isinstance(cell, bytes | memoryview) else str(cell)
    )


def _why(error: Exception, password: str | None) -> str:
    """In the words of the database, which knows best, without what is secret."""
    why = " ".join(str(getattr(error, "orig", None) or error).split()).rstrip(".")[:300]
    return why.replace(password, "***") if password else why
