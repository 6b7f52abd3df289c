"""The account: its files are valid, its variables do what they say, and its page tells of all of them."""

import re
from pathlib import Path

import pytest

from tests.support.terraform import SOURCES, Terraform, lacking, prepared

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(lacking()), reason=lacking())]


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    return prepared(tmp_path_factory.mktemp("terraform"))


def _source(pattern: str = "*.tf") -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob(pattern)))


def test_the_files_are_in_form(terraform: Terraform) -> None:
    assert terraform("fmt", "-check", "-recursive", "-diff", str(SOURCES)) == ""


def test_the_files_are_valid(terraform: Terraform) -> None:
    assert "The configuration is valid" in terraform("validate")


def test_the_variables_do_what_they_say(terraform: Terraform) -> None:
    done = terraform.tried("test")
    assert done.returncode == 0, done.stdout[-3000:]
    assert ", 0 failed" in done.stdout


def test_every_variable_is_explained() -> None:
    page = (SOURCES.parent / "docs/account.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    assert told == set(re.findall(r'^variable "(\w+)"', _source("variables.tf"), re.MULTILINE))


def test_every_statement_of_a_policy_has_a_name_and_a_reason() -> None:
    lines = _source().splitlines()
    opened = [
        number
        for number, line in enumerate(lines)
        if re.match(r' *(statement|dynamic "statement") {$', line) and "  content {" not in lines[number - 1]
    ]
    assert len(opened) > 25
    for number in opened:
        block = "\n".join(lines[number : number + 6])
        assert re.search(r'sid +=? *= "\w+"', block), block
        assert lines[number - 1].strip().startswith("#"), block


def test_every_exemption_of_a_check_has_a_reason() -> None:
    skips = re.findall(r"checkov:skip=(\w+)(.*)", _source())
    assert skips
    assert [name for name, reason in skips if len(reason.removeprefix(":").split()) < 3] == []


def test_nothing_in_the_files_looks_like_a_key() -> None:
    for path in (entry for entry in SOURCES.rglob("*") if entry.is_file()):
        text = path.read_text(encoding="utf-8")
        # The path of an address is as long as a key.
        text = re.sub(r"https://docs\.aws\.amazon\.com/\S+", "", text)
        found = re.findall(r"AKIA\w+|ASIA\w+|(?:secret|access)_key *=.*|[A-Za-z0-9/+]{40,}", text)
        assert found == [], path


def test_no_code_of_others_is_fetched() -> None:
    assert re.findall(r"^\s*module\b", _source(), re.MULTILINE) == []


def test_states_and_local_variables_are_kept_out_of_the_repository() -> None:
    ignored = (SOURCES.parent / ".gitignore").read_text().split()
    assert {".terraform/", "*.tfstate*", "terraform.tfvars"} <= set(ignored)
    # It pins the provider by its hashes, and is there to be kept.
    assert ".terraform.lock.hcl" not in ignored
    assert Path(SOURCES / "example.terraform.tfvars").exists()
