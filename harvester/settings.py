"""Every setting, from one table: flags go before the environment, that before twarc_cloud.ini."""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harvester.errors import Exit, HarvesterError

INI = Path("twarc_cloud.ini")


# No wait of Python's may be longer; and a lock that claims to live for more than an hour is not believed.
_MOST_OF_ALL = 1_000_000_000
_MOST = {"lock_seconds": 3600, "concurrency": 1000}


@dataclass(frozen=True)
class Settings:
    """How one harvester behaves; times are in seconds. docs/settings.md explains each."""

    bucket: str = ""
    collections_path: str = "collections"
    cluster: str = ""
    parameter_path: str = ""
    x_api_url: str = "https://api.twitter.com"
    temp: str = "temp"
    tweets_per_file: int = 250_000
    bytes_per_file: int = 128 * 1024 * 1024
    seconds_per_file: float = 1800.0
    checkpoint_seconds: float = 60.0
    lock_seconds: float = 60.0
    store_patience: float = 900.0
    x_patience: float = 900.0
    stop_poll_seconds: float = 5.0
    concurrency: int = 32
    restarts: int = 10
    restart_seconds: float = 1.0

    def __post_init__(self) -> None:
        numbers = {
            entry.name: getattr(self, entry.name) for entry in fields(self) if entry.type in (int, float)
        }
        wrong = [
            f"{name} is {value}; it is more than 0 and at most {_MOST.get(name, _MOST_OF_ALL):,}."
            for name, value in numbers.items()
            if not 0 < value <= _MOST.get(name, _MOST_OF_ALL)
        ]
        if wrong:
            raise HarvesterError("The settings cannot be used.", wrong, exit_code=Exit.USAGE)


# X_API_URL has the name that other tools of the field know it by; the rest are the fields in capitals.
_ENVIRONMENT = {"x_api_url": "X_API_URL"}


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _ENVIRONMENT.get(name, f"TWARC_CLOUD_{name.upper()}")


def settings(
    *, flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None, ini: Path = INI
) -> Settings:
    """The settings in force; `flags` whose value is None were not given."""
    environment = os.environ if environment is None else environment
    from_ini = _ini(ini)
    values: dict[str, Any] = {}
    wrong = []
    for entry in fields(Settings):
        given = (flags or {}).get(entry.name)
        if given is None:
            given = environment.get(variable(entry.name)) or from_ini.get(entry.name)
        if given is None:
            continue
        try:
            values[entry.name] = entry.type(given) if callable(entry.type) else given
        except ValueError:
            wrong.append(f"{entry.name} is {given!r}; it is a {'whole ' * (entry.type is int)}number.")
    if wrong:
        raise HarvesterError("The settings cannot be used.", wrong, exit_code=Exit.USAGE)
    return Settings(**values)


def _ini(path: Path) -> Mapping[str, str]:
    # No interpolation: a '%' in a value is a '%'.
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if path.exists():
            parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        words = " ".join(str(error).split())
        raise HarvesterError(f"{path} cannot be read: {words}", exit_code=Exit.USAGE) from error
    return parser.defaults()
