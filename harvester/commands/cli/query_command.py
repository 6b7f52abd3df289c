"""A command whose argument is a query, which may begin with a word to be left out, as -sandbag."""

import re
from itertools import islice

import click

# `-c` and `-n` are options of a search, each with its value apart or, of a number, behind it.
_WITHOUT = re.compile(r"-(?!-|c|h$|n\d*$).")


class QueryCommand(click.Command):
    """A search, whose query may hold words that begin with '-' and are no options."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        valued = {
            name
            for each in self.get_params(context)
            if isinstance(each, click.Option) and not each.is_flag
            for name in each.opts
        }
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for typed in rest:
            if typed == "--":
                words += rest
            elif not typed.startswith("-") or _WITHOUT.match(typed):
                words.append(typed)
            else:
                options += [typed, *islice(rest, typed in valued)]
        return super().parse_args(context, [*options, "--", *words])
