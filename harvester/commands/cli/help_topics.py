"""Pages of help that belong to no single command: exit codes, environment, files, output."""

from collections.abc import Callable, Mapping
from dataclasses import fields

from harvester.errors import Exit
from harvester.settings import INI, Settings, variable

# In a few words; docs/exit-codes.md says more, and what to do.
CODES: Mapping[Exit, str] = {
    Exit.OK: "Done; or it was asked to stop, and stored everything first.",
    Exit.ERROR: "It failed; the message says why. Starting again loses nothing.",
    Exit.USAGE: "An option, an argument or a setting cannot be used; nothing was begun.",
    Exit.PARTIAL: "All that was received is stored, but users failed or were not found, or there is a gap.",
    Exit.UNAUTHORIZED: "The network refuses the keys, or what they are used for.",
    Exit.RETRY_LATER: "Credits, the monthly cap or the budget are used up, or the network is away.",
    Exit.NO_COLLECTION: "There is no collection of this id in that place.",
    Exit.LOCKED: "Another harvest holds the collection.",
    Exit.VERIFY_FAILED: "Stored files are lost, or not what their manifest says.",
    Exit.INTERRUPTED: "Stopped by Ctrl-C; what was collected is stored.",
    Exit.TERMINATED: "Stopped by SIGTERM; what was collected is stored.",
}

_OTHER_VARIABLES = {
    "BEARER_TOKEN": "Key of the X API: an app's token. Goes before ~/.twarc.",
    "CONSUMER_KEY, CONSUMER_SECRET": "The same: an app's pair.",
    "ACCESS_TOKEN, ACCESS_TOKEN_SECRET": "With that pair: a person's account.",
    "AWS_PROFILE, AWS_ACCESS_KEY_ID, AWS_REGION, ...": "Whatever boto3 reads.",
    "AWS_ENDPOINT_URL": "Another S3 server; it must keep conditions on writes.",
    "HONEYBADGER_API_KEY": "Where harvests tell of what a person must look at.",
    "TWARC_CLOUD_PROGRESS": "auto, bar, text, json or none, as --progress.",
}

_FILES = """\
collection.json        In the current folder: the collection you describe; commands of
                       `collection-config` change it, `collection add` and `update` store it.
twarc_cloud.ini        In the current folder: settings, all of them optional.
~/.twarc               Keys of the X API, as `collection-config keys` asks for them, readable by you only.
collections/           Without a bucket: all collections (docs/data-layout.md).
collections-runs/      Logs, schedules and notes of what this machine runs; with a bucket, BUCKET-runs/.
temp/                  What a harvest has not stored yet; the next one stores it, so leave it there.
download/              Copies that `collection download` made.

Nothing else is written, and nothing into other folders of your account."""

_OUTPUT = """\
Results go to standard output, messages and questions to standard error; the log, too.
No colours are used. A table is for people; --json prints the same for programs, and its
fields only ever grow (docs/json.md).

--progress says how far it is: a line that changes on a terminal, else a line every ten
seconds; json for programs; none for silence.
--dry-run says what would be done, and what it would cost, and changes nothing.
--yes answers the questions, which are asked only where something can be lost. Who cannot
answer, for there is no terminal, is told so (exit code 2), and nothing is changed.
--debug, before or after the command, logs what was asked of X and of AWS, without keys;
so do the harvests that it starts on this machine (`harvest log` shows theirs).
--log-format json, there too, makes each line of the log a JSON object.

Ctrl-C ends a harvest in the foreground with everything stored; a second one ends it at
once, and the next harvest stores what it left. `collection once --wait` has its harvest
stop in the same way; after a second Ctrl-C it does not wait for that."""


def _exit_codes() -> str:
    return "\n".join(f"{int(code):>3}  {code.name:13}  {words}" for code, words in CODES.items())


def _environment() -> str:
    names = {variable(entry.name): entry.name for entry in fields(Settings)}
    lines = [f"Options go before the environment, that before {INI}. Every setting has a variable:", ""]
    lines += [f"  {name:36} {setting}" for name, setting in names.items()]
    lines += ["", "`settings` shows which are in force; docs/settings.md explains each. Besides these:", ""]
    lines += [f"  {name}\n      {words}" for name, words in _OTHER_VARIABLES.items()]
    return "\n".join(lines)


TOPICS: Mapping[str, Callable[[], str]] = {
    "exit-codes": _exit_codes,
    "environment": _environment,
    "files": lambda: _FILES,
    "output": lambda: _OUTPUT,
}
