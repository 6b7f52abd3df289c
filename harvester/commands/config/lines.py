"""Lines that a person gives in files, packed or not, or on standard input."""

import gzip
import zlib
from collections.abc import Sequence

import click

from harvester.errors import Exit, HarvesterError
from harvester.errors.files import in_words
from harvester.text import NOT_TEXT

_PACKED = b"\x1f\x8b"


def lines_of(files: Sequence[str]) -> list[str]:
    """The lines of the files, or of standard input; blanks and a byte-order mark are not part of them."""
    found: list[str] = []
    for name in files or ("-",):
        try:
            with click.open_file(name, "rb") as file:
                data = file.read()
            data = gzip.decompress(data) if data.startswith(_PACKED) else data
            found += [line.strip() for line in data.decode("utf-8-sig").splitlines() if line.strip()]
        except UnicodeDecodeError as error:
            raise HarvesterError(f"{name} cannot be read: {NOT_TEXT}.", exit_code=Exit.USAGE) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise HarvesterError(
                f"{name} cannot be read: its gzip is damaged: {error}.",
                hint="Fetch it again, or unpack what is left of it with `zcat`.",
                exit_code=Exit.USAGE,
            ) from error
        except IsADirectoryError as error:
            hint = f"Name the files in it, e.g. {name.rstrip('/')}/*.txt."
            raise HarvesterError(f"{name} is a folder.", hint=hint, exit_code=Exit.USAGE) from error
        except OSError as error:
            raise in_words(error, name, exit_code=Exit.USAGE) from error
    return found
