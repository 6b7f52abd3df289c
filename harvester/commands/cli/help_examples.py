"""The help of every command shows examples first."""

from collections.abc import Mapping, Sequence
from inspect import cleandoc

import click

from harvester.commands.cli.printed_commands import program

# By the names that lead to the command; what follows them, one line for each example.
EXAMPLES: Mapping[str, Sequence[str]] = {
    "collection-config template": ("user_timeline --id museums", "search --id election"),
    "collection-config download": ("museums", "museums --as-of 2026-11-01T12:00"),
    "collection-config keys": ("--profile museum", "--move-to museum"),
    "collection-config honeybadger": ("", "--remove"),
    "collection-config forget-keys": ("museums --dry-run", "museums"),
    "collection-config update": ("--dry-run", ""),
    "collection-config changes": ("museums --since 2026-11-01", "museums --deletes-only"),
    "collection-config check": ("", "museums --live", "storms --live --volume"),
    "collection-config screennames": ("@britishmuseum @metmuseum",),
    "collection-config screenname-files": ("names.txt --error-file not-found.txt",),
    "collection-config userids": ("783214 6253282",),
    "collection-config userid-files": ("ids.txt",),
    "collection-config remove-users": ("@britishmuseum 783214",),
    "collection-config restore-users": ("@britishmuseum", "--all"),
    "collection-config import-rules": (
        "rules.csv",
        "--redis redis://localhost:6379/5 --dry-run",
        "--sql sqlite:///rules.db --replace",
    ),
    "collection-config rules": ("", "storms --json"),
    "collection-config add-rules": (
        "--type keyword --tag mood happy sad",
        "--type geo -- -0.5,51.3,0.3,51.7",
    ),
    "collection-config remove-rules": ("12347 5f3a0c1d2e4b",),
    "collection-config shards": ("storms", "storms --profiles a,b,c --dry-run"),
    "collection-config enable-rules": ("12347", "--tag mood"),
    "collection-config disable-rules": ("12347", "--tag mood"),
    "edges": ("@britishmuseum", "@britishmuseum --direction following --limit 1000 -e id,username"),
    "graph status": ("libraries", "libraries --json"),
    "graph approve": ("libraries --depth 1 --usd 120",),
    "graph reselect": ("libraries --dry-run", "libraries"),
    "graph retry": ("libraries",),
    "graph frontier": ("libraries --depth 1 -o frontier.txt.gz",),
    "graph workers plan": ("libraries --profiles a,b",),
    "graph workers start": ("libraries",),
    "graph workers status": ("libraries", "libraries --json"),
    "tables build": ("", "museums --dry-run", "museums --to my-tables"),
    "tables status": ("",),
    "tables sql": ("'select day, count(*) from posts_once group by day order by day'", "'from gaps' --csv"),
    "tables compact": ("museums --month 2026-10",),
    "collection list": ("", "--long --bucket my-bucket"),
    "collection add": ("",),
    "collection once": ("museums --wait", "museums --dry-run"),
    "collection schedule": ('museums "rate(7 days)"', 'museums "cron(0 6 ? * MON *)"'),
    "collection stop": ("museums",),
    "collection scheduled": ("",),
    "collection filter-start": ("storms", "storms floods"),
    "collection filter-stop": ("storms",),
    "collection unlock": ("museums",),
    "collection delete": ("museums --dry-run", "museums"),
    "collection copy": (
        "museums museums-2027",
        "museums museums --with-harvests --to-bucket my-bucket",
    ),
    "collection cost": ("museums",),
    "collection rules": ("storms",),
    "collection download": ("museums --bucket my-bucket",),
    "collection coverage": ("storms --dry-run", "storms --yes"),
    "collection repair": ("storms --dry-run", "storms --archive --yes"),
    "collection verify": ("museums", "museums --subset 3/7"),
    "export csv": ("museums", "museums --since 2026-11-01 --excel -o november.csv"),
    "export jsonl": ("museums -o museums.jsonl.gz", "museums --raw -o -"),
    "export ids": ("museums", "museums --of users"),
    "export tables": ("museums --since 2026-11-01",),
    "export sorted": ("museums",),
    "export per-user": ("museums -o users",),
    "export network": ("museums", "museums --edges hashtag-cooccurrence --min-weight 5 --format graphml"),
    "export edges": ("libraries", "libraries --format gexf -o libraries.gexf"),
    "export bag": ("museums", "museums --bucket my-bucket --fetch"),
    "export datapackage": ("museums",),
    "export ro-crate": ("museums",),
    "files show": ("22013880.twt.gz", "posts.jsonl -e created_at,author/username,text --csv"),
    "files ids": ("22013880.fws.gz", "ids.txt --packed -o ids.fws"),
    "files merge": ("dataset-1 dataset-2 -o both", "a.jsonl b.jsonl -o both.jsonl.gz"),
    "files repair": ("broken.jsonl.gz -o mended.jsonl.gz",),
    "files sample": ("posts.jsonl.gz -n 1000 --seed 7", "dataset-1 -n 100 --of users"),
    "harvest list": ("",),
    "harvest running": ("", "museums", "storms --rules"),
    "harvest last": ("museums", "museums --json"),
    "harvest history": ("museums --limit 5",),
    "harvest stop": ("museums",),
    "harvest tail": ("storms", "storms -n 100 --once --json"),
    "harvest log": ("museums --follow",),
    "sink run": ("storms --to stdout | jq .data.text", "storms --sink webhook"),
    "sink replay": ("storms --sink webhook --from 2026-11-01 --dry-run",),
    "sink list": ("storms", "storms --json"),
    "dashboard": ("", "--bucket my-bucket --read-only"),
    "report write": ("museums", "museums -o museums.html --names"),
    "report publish": ("museums --bucket my-bucket --no-costs",),
    "stats show": ("storms", "storms --by day --since 2026-11-01 --csv"),
    "stats export": ("storms --openmetrics storms.txt",),
    "stats replay": ("storms --carbon 127.0.0.1:2003", "old/stats.gz --carbon 127.0.0.1:2003 --speed 60"),
    "search find": ("'climate \"sea level\" tag:flood since:2026-01'", "flood -c storms --facets day,tag"),
    "search index": ("", "storms --watch 60"),
    "search status": ("",),
    "accounts lookup": ("@jack", "12 --json", "@jack --at 2025-01-01"),
    "accounts history": ("12",),
    "accounts list": ("--state suspended", "--state protected -c museums"),
    "doctor": ("",),
    "settings": ("",),
    "scheduler": ("",),
    "completion": ("bash >> ~/.bashrc",),
    "help": ("exit-codes", "collection once"),
}


def give(names: str, command: click.Command) -> None:
    """Put the examples of a command, by its whole name, into its help, after the first sentence."""
    if names not in EXAMPLES:
        return
    first, _, rest = cleandoc(command.help or "").partition("\n\n")
    typed = "\n".join(f"  {program()} {names} {example}".rstrip() for example in EXAMPLES[names])
    command.short_help = first.partition(";")[0].replace("\n", " ").rstrip(".") + "."
    command.help = "\n\n".join(filter(None, (first, f"\b\n{typed}", rest)))
