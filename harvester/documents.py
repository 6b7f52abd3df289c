"""Documents of a store, as JSON gives them."""

from typing import Any

Tree = dict[str, Any]
