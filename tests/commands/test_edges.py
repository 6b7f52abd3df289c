"""`edges`: the lists of a few accounts at the price that was said; what cannot be read is one line."""

from collections.abc import Iterator

import pytest

import emulator
from harvester.errors import Exit
from harvester.graph.named_accounts import NamedAccounts
from harvester.networks import Account
from harvester.networks.registry import usual
from tests.support.cli_session import Person, at_a_terminal

Desk = tuple[Person, emulator.Emulated]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWARC_CLOUD_PROGRESS", "none")
        options = {"users": 200, "posts_per_user": 1, "hubs": "0:7,1:5"}
        with at_a_terminal(tmp_path_factory.mktemp("edges"), patch, **options) as found:
            yield found


@pytest.mark.system
def test_a_budget_ends_it_and_the_same_command_reads_the_rest_and_pays_for_no_account_twice(
    desk: Desk,
) -> None:
    person, emulated = desk
    emulated.control.reset_truth()
    one, other = emulated.control.users(count=2)
    typed = ("edges", f"@{one['username']}", other["id"], "--yes")
    told = person(*typed, "--usd", "0.05", "-e", "id,username,protected")
    assert told.code == Exit.RETRY_LATER, told
    first = [line.split("\t") for line in told.out.splitlines()]
    assert len(first) == 3
    names = {each["id"]: each["username"] for each in emulated.control.users(count=200)}
    assert [name for _, name, _ in first] == [names[each] for each, _, _ in first]
    assert "The same command continues where this one has stopped" in told.err
    wanted = [*emulated.control.followers(one["id"]), *emulated.control.followers(other["id"])]
    told = person(*typed, "--json")
    assert told.code == Exit.OK, told
    assert person.stored(told.json["id"])["budget_usd"] == round(0.05 + told.json["usd_at_most"], 4)
    found = [each["id"] for each in told.json["accounts"]]
    assert found[:3] == [each for each, _, _ in first]
    assert sorted(found) == sorted({*wanted})
    billed = emulated.truth()["billed"]["users"]
    # Both are looked up by each command and by the first harvest, and by the second one whose list was
    # not begun. The price is that of the harvests.
    assert billed == len(wanted) + 2 * 2 + 3
    assert (billed - 2 * 2) / 100 <= told.json["usd_at_most"]
    again = person(*typed[:-1], answer="n\n")
    assert f"`export edges {told.json['id']}` exports them at no cost. Now they are read again." in again.err


def test_what_cannot_be_read_is_one_line_and_nothing_is_stored(desk: Desk) -> None:
    person, emulated = desk
    (user,) = emulated.control.users(start=5, count=1)
    before = person.output("collection", "list")
    for typed, code, words in (
        (f"{user['id']} -e id,age", Exit.USAGE, "An account has no 'age'. -e takes id, username, "),
        ("@a-b-c", Exit.USAGE, "Neither a name nor an id: a-b-c. "),
        ("@nobody_here 77 --yes", Exit.ERROR, "None of the accounts was found. "),
        (f"{user['id']} -o .", Exit.USAGE, ". exists. Choose another name with -o, "),
    ):
        told = person("edges", *typed.split())
        assert (told.code, told.out) == (code, ""), told
        assert told.err.splitlines()[-1].startswith(words), told
    told = person("edges", user["id"], answer="n\n")
    assert told.code == Exit.ERROR
    accounts = len(emulated.control.followers(user["id"]))
    assert f"@{user['username']}: {accounts} accounts on 1 list of followers. Reading them costs " in told.err
    assert told.err.splitlines()[-1].endswith("Cancelled; nothing was changed.")
    assert person.output("collection", "list") == before


def test_the_price_covers_a_list_that_grows_by_a_hundredth_and_a_limit_cuts_it() -> None:
    accounts = [Account("12", "a", lists={"followers": 1000}), Account("14", "b", lists={"followers": 0})]
    named = NamedAccounts(accounts, "followers")
    assert named.edges == 1000
    # 1,011 and 1 on the lists, and two look-ups.
    assert named.at_most(usual()) == 10.14
    limited = NamedAccounts(accounts, "followers", most=500)
    assert (limited.edges, limited.at_most(usual())) == (500, 5.03)
    assert (
        named.collection_id
        == limited.collection_id
        == NamedAccounts(accounts[::-1], "followers").collection_id
    )
    assert NamedAccounts(accounts[:1], "following").collection_id == "edges-following-12"
