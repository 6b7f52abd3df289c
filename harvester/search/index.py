"""The index on this machine: its fields, and opening one of this version."""

import shutil
from importlib import metadata

import tantivy

from harvester.errors import HarvesterError
from harvester.errors.files import in_words
from harvester.ledger.cache import Cache
from harvester.text import size

_FIELDS = 2
# Bytes of memory for posts that are not in a segment yet.
HEAP = 48_000_000
# With less the next segment may not fit.
_SCARCE = 100_000_000
_TOKENIZER = "words"
# What is only looked up, under its name: `kind:reply`.
PROPERTIES = ("author_id", "mention", "kind", "has", "included")


def property_of(name: str, value: object) -> str:
    """One of the PROPERTIES as the index has it."""
    return f"{name}:{value}"


def version() -> str:
    """Indexes of another version are made anew."""
    return f"{_FIELDS}/{metadata.version('tantivy')}"


def schema() -> tantivy.Schema:
    made = tantivy.SchemaBuilder()
    # Tantivy silently deletes nothing by an unsigned field.
    # `identity` is the same for all copies of a post in a collection, and `file` for all posts of a file.
    for name in ("identity", "file"):
        made.add_integer_field(name, indexed=True)
    made.add_integer_field("collection", indexed=True, fast=True)
    for name in ("key", "at"):
        made.add_integer_field(name, fast=True)
    for name in ("author", "tag", "lang"):
        made.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    # One field for all PROPERTIES, as each takes a byte for each post.
    made.add_text_field("property", tokenizer_name="raw", index_option="basic")
    made.add_text_field("words", tokenizer_name=_TOKENIZER, index_option="position")
    for name in ("lat", "lon"):
        made.add_float_field(name, fast=True)
    # The identity again, of posts with a place only: it is looked up for each that may be near another.
    for name in ("cell", "spot"):
        made.add_integer_field(name, fast=True)
    made.add_bytes_field("row", stored=True)
    return made.build()


def created(cache: Cache) -> tantivy.Index:
    """The index to be written; an empty one if there is none."""
    try:
        cache.index.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _ready(tantivy.Index(schema(), path=str(cache.index)))
    except OSError as error:
        raise in_words(error, cache.index) from error
    except ValueError as error:
        raise unusable(cache, error) from error


def opened(cache: Cache) -> tantivy.Index | None:
    """The index to be searched; None if there is none."""
    try:
        return _ready(tantivy.Index.open(str(cache.index))) if is_there(cache) else None
    except ValueError as error:
        raise unusable(cache, error) from error


def is_there(cache: Cache) -> bool:
    """Whether there is an index; a folder that lacks its list of files is none."""
    return cache.index.is_dir() and tantivy.Index.exists(str(cache.index))


def unusable(cache: Cache, error: Exception) -> HarvesterError:
    """Tantivy's errors about an index that it cannot read or write, in one line."""
    words = " ".join(str(error).split())[:200]
    hint = "Free some space, then run `search index` again; the index stays as it was."
    if "os error 28" in words.lower() or "no space left" in words.lower():
        return HarvesterError(f"{cache.index} cannot be written: the disk is full.", hint=hint)
    # A thread of tantivy that ended says no more than that, whatever it ended of.
    if "killed" in words and (free := _free(cache)) < _SCARCE:
        return HarvesterError(
            f"{cache.index} cannot be written: the disk is full ({size(free)} free).", hint=hint
        )
    if "killed" in words:
        return HarvesterError(
            f"{cache.index} cannot be written: {words}.",
            hint="Check its permissions and its disk, then run `search index` again.",
        )
    return HarvesterError(
        f"{cache.index} cannot be used: {words}.", hint="Run `search index --rebuild`: it is a cache."
    )


def _free(cache: Cache) -> int:
    """Bytes that are free on its disk."""
    try:
        return shutil.disk_usage(cache.folder).free
    except OSError:
        return _SCARCE


def _ready(index: tantivy.Index) -> tantivy.Index:
    # The text consists of words separated by blanks (`words.folded`).
    analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer(_TOKENIZER, analyzer)
    return index
