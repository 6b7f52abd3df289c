"""twarc's lists of fields and its name, read without its clients.

The package imports both of its clients, with OAuth 2 and progress bars, which took as long as all else that a
harvest imports.
"""

from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType


def _part(name: str) -> ModuleType:
    """A module of twarc's that needs no other of them."""
    package = find_spec("twarc")
    spec = package and PathFinder.find_spec(f"twarc.{name}", package.submodule_search_locations)
    if not spec or not spec.loader:
        raise ModuleNotFoundError(f"No module named 'twarc.{name}'")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_lists, _version = _part("expansions"), _part("version")

EXPANSIONS: list[str] = _lists.EXPANSIONS
TWEET_FIELDS: list[str] = _lists.TWEET_FIELDS
USER_FIELDS: list[str] = _lists.USER_FIELDS
MEDIA_FIELDS: list[str] = _lists.MEDIA_FIELDS
POLL_FIELDS: list[str] = _lists.POLL_FIELDS
PLACE_FIELDS: list[str] = _lists.PLACE_FIELDS

version: str = _version.version
user_agent: str = _version.user_agent
