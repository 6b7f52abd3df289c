"""Help topics beyond single commands: exit codes, environment, files, output."""

from collections.abc import Callable, Mapping
from dataclasses import fields

from harvester.errors import Exit
from harvester.settings import INI, Settings, variable

# In a few words; docs/exit-codes.md says more, and what to do.
CODES: Mapping[Exit, str] = {
    Exit.OK: "Success; or the harvest was stopped and stored everything first.",
    Exit.ERROR: "Failure; the message says why. Starting again loses nothing.",
    Exit.USAGE: "Invalid option, argument or setting; nothing was started.",
    Exit.PARTIAL: (
        "Everything received is stored, but some users failed or were not found, or there is a gap."
    ),
    Exit.UNAUTHORIZED: "The network rejects the keys, or does not allow this with them.",
    Exit.RETRY_LATER: "Credits, monthly cap or budget used up, or the network is unavailable; retry later.",
    Exit.NO_COLLECTION: "No collection with this id.",
    Exit.LOCKED: "Another harvest holds the collection's lock.",
    Exit.VERIFY_FAILED: "Stored files are missing, or differ from their manifest.",
    Exit.INTERRUPTED: "Stopped by Ctrl-C; collected posts are stored.",
    Exit.TERMINATED: "Stopped by SIGTERM; collected posts are stored.",
}

_OTHER_VARIABLES = {
    "BEARER_TOKEN": "X API key: an app's bearer token. Overrides ~/.twarc.",
    "CONSUMER_KEY, CONSUMER_SECRET": "X API key: an app's consumer key and secret.",
    "ACCESS_TOKEN, ACCESS_TOKEN_SECRET": "With these, requests are made for a user's account.",
    "AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_REGION, ...": "AWS credentials and region, as boto3 reads them.",
    "AWS_ENDPOINT_URL": "URL of another S3 server; it must support conditional writes.",
    "HONEYBADGER_API_KEY": "Honeybadger key; failures are reported there.",
    "TWARC_CLOUD_REDIS_PASSWORD, TWARC_CLOUD_SQL_PASSWORD": "Passwords of `import-rules --redis` and --sql.",
    "TWARC_CLOUD_PROGRESS": "Default of --progress: auto, bar, text, json or none.",
}

_FILES = """\
collection.json        In the current folder: the collection's description. `collection-config`
                       commands edit it; `collection add` and `update` store it.
twarc_cloud.ini        In the current folder: settings, all optional.
~/.twarc               X API keys, written by `collection-config keys`, readable only by you.
collections/           Without a bucket: all collections (docs/data-layout.md).
collections-runs/      Logs, schedules and state of harvests on this machine; BUCKET-runs/ with a bucket.
temp/                  Posts that are not stored yet. Do not delete it: the next harvest stores them.
download/              Copies made by `collection download`.

Nothing else is written, except to files and folders that you name: with options such as
--error-file and --copy-folder, or with the settings `temp` and `collections_path`."""

_OUTPUT = """\
Results go to standard output; messages, questions and the log to standard error.
There are no colours. Tables are for people; --json prints the same for programs
(docs/json.md).

--progress sets the progress display: a live line on a terminal, otherwise a line every
ten seconds; JSON lines; or none.
--dry-run shows what would be done and what it would cost, and changes nothing.
--yes skips confirmation. Confirmation is asked for only where data can be lost. Without
a terminal the command fails (exit code 2) and changes nothing.
--debug, before or after the command, logs requests to X and AWS, without keys, also of
harvests started on this machine (`harvest log` shows theirs).
--log-format json, before or after the command, writes the log as JSON lines.

Ctrl-C stops a harvest in the foreground after storing what it has. A second Ctrl-C ends
it at once; the next harvest stores the rest. With `collection once --wait`, Ctrl-C stops
the harvest; a second Ctrl-C stops waiting for it."""


def _exit_codes() -> str:
    return "\n".join(f"{int(code):>3}  {code.name:13}  {words}" for code, words in CODES.items())


def _environment() -> str:
    names = {variable(entry.name): entry.name for entry in fields(Settings)}
    lines = [f"Options override the environment, which overrides {INI}. Every setting has a variable:", ""]
    lines += [f"  {name:36} {setting}" for name, setting in names.items()]
    lines += ["", "`settings` shows the current values; docs/settings.md explains each. Also read:", ""]
    lines += [f"  {name}\n      {words}" for name, words in _OTHER_VARIABLES.items()]
    return "\n".join(lines)


TOPICS: Mapping[str, Callable[[], str]] = {
    "exit-codes": _exit_codes,
    "environment": _environment,
    "files": lambda: _FILES,
    "output": lambda: _OUTPUT,
}
