"""Every setting, from one table: options override the environment, which overrides twarc_cloud.ini."""

import configparser
import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harvester.capacity import Capacity
from harvester.errors import Exit, HarvesterError
from harvester.errors.files import in_words
from harvester.text import NOT_TEXT, similar, slips_in, text_of

INI = Path("twarc_cloud.ini")
# The formats of the log.
TEXT, JSON = "text", "json"
_Flags = Mapping[str, Any] | None
_Environment = Mapping[str, str] | None
_INVALID = "Invalid settings."
# No wait of Python's may be longer; and a lock that claims to live for more than an hour is not believed.
_MOST_OF_ALL = 1_000_000_000
_MOST = {"lock_seconds": 3600, "concurrency": 1000, "status_port": 65535}
_NUMBERS = (int, float)
_MAY_BE_NONE = {"status_port", "budget_usd"}  # with 0


@dataclass(frozen=True)
class Settings:
    """How one harvester behaves; times are in seconds. docs/settings.md explains each."""

    bucket: str = ""
    collections_path: str = "collections"
    region: str = ""
    cluster: str = ""
    image: str = ""
    subnets: str = ""
    public_ip: bool = True
    security_groups: str = ""
    task_role_arn: str = ""
    task_execution_role_arn: str = ""
    scheduler_role_arn: str = ""
    schedule_group: str = ""
    log_group: str = ""
    parameter_path: str = ""
    kms_key_arn: str = ""
    graph_queue: str = ""
    honeybadger_check_in: str = ""
    task_cpu: int = 256
    task_memory: int = 512
    task_architecture: str = "ARM64"
    task_spot: bool = False
    task_disk: int = 20
    task_fallback: bool = False
    status_port: int = 0
    budget_usd: float = 0.0
    x_api_url: str = "https://api.twitter.com"
    temp: str = "temp"
    tweets_per_file: int = 250_000
    bytes_per_file: int = 128 * 1024 * 1024
    seconds_per_file: float = 1800.0
    checkpoint_seconds: float = 60.0
    lock_seconds: float = 60.0
    store_patience: float = 900.0
    x_patience: float = 900.0
    stop_poll_seconds: float = 600.0
    concurrency: int = 32
    restarts: int = 10
    restart_seconds: float = 1.0
    log_format: str = TEXT
    cache: str = ""

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise HarvesterError(_INVALID, problems, exit_code=Exit.USAGE)

    def _problems(self) -> Iterator[str]:
        for name in (each.name for each in fields(self) if each.type in _NUMBERS):
            value, most = getattr(self, name), _MOST.get(name, _MOST_OF_ALL)
            if not 0 < value <= most and (value or name not in _MAY_BE_NONE):
                yield f"{name} is {value}; it must be more than 0 and at most {most:,}."
        yield from (f"task_{problem}" for problem in self.capacity.problems())
        # It would be the current folder.
        yield from (f"{name} is empty." for name in ("collections_path", "temp") if not getattr(self, name))
        if self.log_format not in (TEXT, JSON):
            yield f"log_format is {self.log_format!r}; it must be {TEXT} or {JSON}."

    @property
    def capacity(self) -> Capacity:
        """What a task gets whose collection does not ask for something else."""
        return Capacity(
            *(self.task_cpu, self.task_memory, self.task_architecture),
            *(self.task_spot, self.task_disk, self.task_fallback),
        )


# X_API_URL has the name that other tools of the field know it by; the rest are the fields in capitals.
_ENVIRONMENT = {"x_api_url": "X_API_URL"}
# What an ini of 2019 calls these.
ALIASES = {
    "subnets": "subnet",
    "security_groups": "security_group",
    "scheduler_role_arn": "event_role_arn",
    "image": "image_tag",
}
# What stands in one beside these and is no setting, as a secret is safe in no file of this folder.
SECRETS = ("access_key", "secret_key", "honeybadger_key")
# Variables of ours that are no settings (docs/settings.md), some of them between our own processes.
_OTHER_VARIABLES = {
    f"TWARC_CLOUD_{name}" for name in ("TOKEN", "TASK", "SERVICE", "HEARTBEAT", "PROGRESS", "PY_COMPLETE")
} | {"TWARC_CLOUD_REDIS_PASSWORD", "TWARC_CLOUD_SQL_PASSWORD", "TWARC_CLOUD_SERVICE_SINCE"}
# Where X is, and so where its keys may be sent on the word of a file, which may come with a folder.
_X_HOSTS = ("api.twitter.com", "api.x.com")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return _ENVIRONMENT.get(name, f"TWARC_CLOUD_{name.upper()}")


def settings(*, flags: _Flags = None, environment: _Environment = None, ini: Path = INI) -> Settings:
    """The settings in force; `flags` whose value is None were not given."""
    found, invalid = usable(flags=flags, environment=environment, ini=ini)
    if invalid:
        raise invalid
    return found


def usable(
    *, flags: _Flags = None, environment: _Environment = None, ini: Path = INI
) -> tuple[Settings, HarvesterError | None]:
    """The settings with the defaults in place of those that are not valid, and what is wrong with these."""
    try:
        values, problems = _valid(flags, environment, ini)
        wrong = [*unknown(environment=environment, ini=ini), *problems]
    except HarvesterError as error:
        return usable(flags=flags, environment=environment, ini=Path(os.devnull))[0], error
    # The size of a task is valid as a whole, or not.
    task = {name: value for name, value in values.items() if name.startswith("task_")}
    found: dict[str, Any] = {}
    for part in (task, *({name: value} for name, value in values.items() if name not in task)):
        try:
            Settings(**part)
            found |= part
        except HarvesterError as error:
            wrong += error.problems
    return Settings(**found), HarvesterError(_INVALID, wrong, exit_code=Exit.USAGE) if wrong else None


def _valid(flags: _Flags, environment: _Environment, ini: Path) -> tuple[dict[str, Any], list[str]]:
    """What was given and is valid by itself, and what is wrong with the rest."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for entry, given, where in _given(flags, environment, ini):
        slips = slips_in(str(given), typed=where.startswith("--"))
        problems = [f"{entry.name} {slip}." for slip in slips]
        if entry.name == "x_api_url":
            problems += _address_problems(str(given), from_file=where.startswith(f"{ini} "))
        try:
            value = _TYPES[entry.type](given)
        except (KeyError, ValueError):
            problems.append(f"{entry.name} is {given!r}; it must be {_EXPECTED[entry.type]}.")
        wrong += problems
        if not problems:
            values[entry.name] = value
    return values, wrong


def origins(*, flags: _Flags = None, environment: _Environment = None, ini: Path = INI) -> dict[str, str]:
    """Where each setting comes from, in words, for those that are not the default."""
    return {entry.name: where for entry, _, where in _given(flags, environment, ini)}


def _given(flags: _Flags, environment: _Environment, ini: Path) -> Iterator[tuple[Field[Any], Any, str]]:
    """What was given for each setting, and where."""
    environment = os.environ if environment is None else environment
    from_ini = _ini(ini)
    for entry in fields(Settings):
        if (flag := (flags or {}).get(entry.name)) is not None:
            yield entry, flag, f"--{entry.name.replace('_', '-')}"
        elif found := environment.get(variable(entry.name)):
            yield entry, found, f"environment ({variable(entry.name)})"
        else:
            for name in (entry.name, ALIASES.get(entry.name, "")):
                if found := from_ini.get(name):
                    yield entry, found, f"{ini} ({name})"
                    break


_YES_OR_NO = configparser.ConfigParser.BOOLEAN_STATES
_TYPES: dict[Any, Callable[[Any], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: lambda given: given if isinstance(given, bool) else _YES_OR_NO[given.lower()],
}
_EXPECTED: dict[Any, str] = {int: "a whole number", float: "a number", bool: "yes or no"}


def ini_secrets(ini: Path = INI) -> list[str]:
    """The names of the secrets that stand in an ini."""
    return [name for name, value in _ini(ini).items() if name in SECRETS and value]


def aws_keys(ini: Path = INI) -> tuple[str, str] | None:
    """`access_key` and `secret_key`, as an ini of 2019 holds them; None unless both are there."""
    found = _ini(ini)
    access, secret = found.get("access_key", ""), found.get("secret_key", "")
    return (access, secret) if access and secret else None


def unknown(*, environment: _Environment = None, ini: Path = INI) -> list[str]:
    """What was given and is not a setting, each with the one that may be meant."""
    known = [entry.name for entry in fields(Settings)]
    in_ini, parsed = [*known, *ALIASES.values(), *SECRETS], _parsed(ini)
    variables = [variable(name) for name in known]
    given = os.environ if environment is None else environment
    return [
        *(
            f"{ini}: {name} is not a setting{_meant(name, in_ini)}."
            for name in parsed.defaults()
            if name not in in_ini
        ),
        *(
            f"{ini}: [{name}] is not a valid section; settings are in [DEFAULT]."
            for name in parsed.sections()
        ),
        *(
            f"The environment variable {name} is not a setting{_meant(name, variables)}."
            for name in given
            if name.startswith("TWARC_CLOUD_") and name not in {*variables, *_OTHER_VARIABLES}
        ),
    ]


def _meant(name: str, known: list[str]) -> str:
    close = similar(name, known, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


def _address_problems(given: str, *, from_file: bool) -> list[str]:
    """Why the keys of X may not be sent there."""
    try:
        parts = urlsplit(given)
        scheme, host = parts.scheme, parts.hostname or ""
        is_of_x = scheme == "https" and parts.netloc.lower() in _X_HOSTS
    except ValueError:
        scheme, host, is_of_x = "", "", False
    if from_file and not is_of_x:
        hosts = " or ".join(f"https://{name}" for name in _X_HOSTS)
        return [f"x_api_url in a file may only be {hosts}; set X_API_URL in the environment for {given}."]
    if scheme not in ("http", "https") or not host:
        return [f"x_api_url is {given!r}; it must be an address, e.g. https://api.x.com."]
    if scheme == "http" and not _is_loopback(host):
        return [f"x_api_url is {given}: keys are not sent unencrypted to other machines; use https."]
    return []


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _ini(path: Path) -> Mapping[str, str]:
    return _parsed(path).defaults()


def _parsed(path: Path) -> configparser.ConfigParser:
    # No interpolation: a '%' in a value is a '%'.
    parser = configparser.ConfigParser(interpolation=None)
    try:
        if path.exists():
            parser.read_string(text_of(path.read_bytes()), source=str(path))
    except UnicodeDecodeError as error:
        raise HarvesterError(f"{path} cannot be read: {NOT_TEXT}.", exit_code=Exit.USAGE) from error
    except OSError as error:
        raise in_words(error, path, exit_code=Exit.USAGE) from error
    except configparser.Error as error:
        # Not in the parser's words, which show the line, and that may hold a secret.
        raise HarvesterError(
            f"{path} cannot be read: {_where(error)}.",
            hint="Write settings as `name = value` lines below a `[DEFAULT]` line, each only once.",
            exit_code=Exit.USAGE,
        ) from None
    return parser


def _where(error: configparser.Error) -> str:
    lines = [number for number, _ in getattr(error, "errors", [])] or [getattr(error, "lineno", None)]
    return f"line {lines[0]} is not a setting" if lines[0] else "it is not a list of settings"
