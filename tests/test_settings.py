"""A setting comes from the nearest place that has it; one that cannot be used is told at once."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.harvest.lock import Lock
from harvester.harvest.lock_content import expiry
from harvester.settings import Settings, settings, variable
from harvester.store.folder import FolderStore
from harvester.text import listed
from tests.support.stores import HandClock


def _ini(folder: Path, text: str) -> Path:
    path = folder / "twarc_cloud.ini"
    path.write_text(text)
    return path


def test_a_flag_goes_before_the_environment_that_before_the_file_that_before_the_default(
    tmp_path: Path,
) -> None:
    ini = _ini(tmp_path, "[DEFAULT]\ntemp = file\nconcurrency = 4\nx_patience = 7.5\n")
    environment = {
        "TWARC_CLOUD_TEMP": "environment",
        "TWARC_CLOUD_CONCURRENCY": "5",
        "X_API_URL": "https://x",
    }
    chosen = settings(flags={"temp": "flag", "concurrency": None}, environment=environment, ini=ini)
    assert chosen.temp == "flag"
    assert chosen.concurrency == 5
    assert chosen.x_patience == 7.5
    assert chosen.x_api_url == "https://x"
    assert chosen.tweets_per_file == 250_000


def test_without_a_file_and_variables_all_are_the_defaults(tmp_path: Path) -> None:
    assert settings(environment={}, ini=tmp_path / "none.ini") == Settings()


def test_an_empty_variable_is_as_none(tmp_path: Path) -> None:
    ini = _ini(tmp_path, "[DEFAULT]\ntemp = file\n")
    assert settings(environment={"TWARC_CLOUD_TEMP": ""}, ini=ini).temp == "file"


def test_a_percent_sign_is_one(tmp_path: Path) -> None:
    assert settings(environment={}, ini=_ini(tmp_path, "[DEFAULT]\ntemp = 100%s\n")).temp == "100%s"


@pytest.mark.parametrize("name", [entry.name for entry in fields(Settings)])
def test_each_setting_can_be_set_in_the_environment_and_in_the_file(name: str, tmp_path: Path) -> None:
    usual = "7" if isinstance(getattr(Settings(), name), int | float) else "elsewhere"
    of_size = {
        "task_cpu": "512",
        "task_memory": "1024",
        "task_architecture": "X86_64",
        "task_spot": "yes",
        "task_fallback": "yes",
        "public_ip": "no",
        "task_disk": "21",
        "x_api_url": "https://api.x.com",
        "log_format": "json",
    }
    value = of_size.get(name, usual)
    # The smallest memory that goes with the other CPU.
    beside = {variable("task_memory"): "1024"} if name == "task_cpu" else {}
    from_variable = settings(environment={variable(name): value} | beside, ini=tmp_path / "none.ini")
    from_file = settings(environment=beside, ini=_ini(tmp_path, f"[DEFAULT]\n{name} = {value}\n"))
    assert from_variable == from_file != Settings()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("concurrency", "many", "concurrency is 'many'; it must be a whole number."),
        ("concurrency", "1.5", "concurrency is '1.5'; it must be a whole number."),
        ("x_patience", "long", "x_patience is 'long'; it must be a number."),
        ("concurrency", "0", "concurrency is 0; it must be more than 0 and at most 1,000."),
        ("tweets_per_file", "-5", "tweets_per_file is -5; it must be more than 0 and at most 1,000,000,000."),
        ("x_patience", "nan", "x_patience is nan; it must be more than 0"),
        ("x_patience", "inf", "x_patience is inf; it must be more than 0"),
        ("stop_poll_seconds", "1e12", "stop_poll_seconds is 1000000000000.0; it must be more than 0"),
        ("lock_seconds", "3601", "lock_seconds is 3601.0; it must be more than 0 and at most 3,600."),
        ("status_port", "-1", "status_port is -1; it must be more than 0 and at most 65,535."),
        ("status_port", "65536", "status_port is 65536; it must be more than 0 and at most 65,535."),
        ("task_spot", "maybe", "task_spot is 'maybe'; it must be yes or no."),
        ("task_cpu", "300", "task_cpu is 300; it must be one of 256, 512, 1024, 2048, 4096, 8192, 16384."),
        ("task_memory", "4096", "task_memory is 4096; it must be one of 512, 1024, 2048 MiB with cpu 256."),
        ("task_architecture", "arm", "task_architecture is 'arm'; it must be ARM64 or X86_64."),
        ("task_disk", "201", "task_disk is 201; it must be a whole number from 20 to 200 (GiB)."),
    ],
)
def test_a_value_that_cannot_be_used_is_told(name: str, value: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(HarvesterError) as error:
        settings(environment={variable(name): value}, ini=tmp_path / "none.ini")
    assert told in str(error.value)
    assert error.value.exit_code == Exit.USAGE


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    environment = {"TWARC_CLOUD_CONCURRENCY": "x", "TWARC_CLOUD_X_PATIENCE": "y"}
    with pytest.raises(HarvesterError) as error:
        settings(environment=environment, ini=tmp_path / "none.ini")
    assert len(error.value.problems) == 2


@pytest.mark.parametrize(
    "data", [b"temp = x\n", b"[DEFAULT\n", b"\xff\xfe\x00", b"[DEFAULT]\ntemp = a\ntemp = b\n"]
)
def test_a_file_that_cannot_be_read_is_told(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "twarc_cloud.ini").write_bytes(data)
    with pytest.raises(HarvesterError, match=r"twarc_cloud\.ini cannot be read: ") as error:
        settings(environment={}, ini=tmp_path / "twarc_cloud.ini")
    assert error.value.exit_code == Exit.USAGE


def test_the_longest_lock_that_may_be_set_is_believed_by_others(tmp_path: Path) -> None:
    store, key = FolderStore(tmp_path), "collections/a/lock.json"
    longest = Settings(lock_seconds=3600.0).lock_seconds
    Lock(store, key, owner="me", clock=HandClock(), ttl=longest).acquire()
    stored = store.read(key)
    assert (expiry(stored) - stored.modified).total_seconds() == longest


def test_an_ini_of_2019_is_read(tmp_path: Path) -> None:
    """With its own names: one subnet, one security group, the role of the events."""
    text = (
        "[DEFAULT]\nsubnet = subnet-1\nsecurity_group = sg-1\nevent_role_arn = arn:role\n"
        "image_tag = latest\naccess_key = AKIA\nsecret_key = secret\nhoneybadger_key = hb\n"
    )
    chosen = settings(environment={}, ini=_ini(tmp_path, text))
    assert chosen == Settings(
        subnets="subnet-1", security_groups="sg-1", scheduler_role_arn="arn:role", image="latest"
    )
    assert "AKIA" not in repr(chosen)


def test_the_name_of_today_goes_before_that_of_2019(tmp_path: Path) -> None:
    ini = _ini(tmp_path, "[DEFAULT]\nsubnet = old\nsubnets = a, b,\n")
    assert listed(settings(environment={}, ini=ini).subnets) == ["a", "b"]


def test_an_empty_line_of_the_file_is_as_none(tmp_path: Path) -> None:
    assert settings(environment={}, ini=_ini(tmp_path, "[DEFAULT]\ntemp =\nconcurrency =\n")) == Settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[DEFAULT]\nbuckt = b\n", "buckt is not a setting (did you mean bucket?)."),
        ("[DEFAULT]\nbucket = b\n[x]\ny = 1\n", "[x] is not a valid section; settings are in [DEFAULT]."),
        ("[default]\nbucket = b\n", "[default] is not a valid section"),
    ],
)
def test_what_is_no_setting_is_refused_and_not_passed_over(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(HarvesterError) as error:
        settings(environment={}, ini=_ini(tmp_path, text))
    assert told in str(error.value)
    assert error.value.exit_code == Exit.USAGE


def test_a_variable_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match=r"TWARC_CLOUD_BUCKT .* \(did you mean TWARC_CLOUD_BUCKET\?\)"):
        settings(environment={"TWARC_CLOUD_BUCKT": "b"}, ini=tmp_path / "none.ini")


def test_every_variable_that_the_product_uses_is_known(tmp_path: Path) -> None:
    """Those that are no settings have a list, which a new one must not be missing from."""
    root = Path(__file__).resolve().parents[1]
    sources = [*(root / "harvester").rglob("*.py"), *root.glob("terraform/*.tf"), root / "Dockerfile"]
    used = {name for path in sources for name in re.findall(r"TWARC_CLOUD_[A-Z_]*[A-Z]", path.read_text())}
    settings(environment=dict.fromkeys(used - {"TWARC_CLOUD_BUCKT"}, ""), ini=tmp_path / "none.ini")


_ANYWHERE = (
    "https://api.example.org",
    "http://127.0.0.1:8080",
    "http://localhost",
    "https://api.x.com@evil.org",
)


@pytest.mark.parametrize(
    "address",
    [*_ANYWHERE, "http://api.twitter.com", "https://api.x.com:8443", "api.x.com", "https://api.x.com.evil"],
)
def test_a_file_sends_keys_to_x_alone(address: str, tmp_path: Path) -> None:
    """An owner of a folder in which another person works would have the keys of ~/.twarc."""
    with pytest.raises(HarvesterError, match="x_api_url in a file may only be https://api.twitter.com or"):
        settings(environment={}, ini=_ini(tmp_path, f"[DEFAULT]\nx_api_url = {address}\n"))
    for own in ("https://api.twitter.com", "https://API.x.com/"):
        assert (
            settings(environment={}, ini=_ini(tmp_path, f"[DEFAULT]\nx_api_url = {own}\n")).x_api_url == own
        )


@pytest.mark.parametrize("address", [*_ANYWHERE, "http://[::1]:80"])
def test_the_environment_sends_keys_where_the_person_says(address: str, tmp_path: Path) -> None:
    assert settings(environment={"X_API_URL": address}, ini=tmp_path / "none.ini").x_api_url == address


@pytest.mark.parametrize(
    "address", ["http://api.twitter.com", "http://10.0.0.1", "http://127.0.0.1.evil.org"]
)
def test_nothing_sends_keys_unencrypted_to_another_machine(address: str, tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match="keys are not sent unencrypted to other machines; use https"):
        settings(environment={"X_API_URL": address}, ini=tmp_path / "none.ini")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_an_ini_is_read_as_editors_save_it(encoding: str, tmp_path: Path) -> None:
    ini = tmp_path / "twarc_cloud.ini"
    ini.write_bytes("[DEFAULT]\r\ntemp = Überraschung\r\n".encode(encoding))
    assert settings(environment={}, ini=ini).temp == "Überraschung"


def test_what_an_ini_cannot_be_read_for_is_told_without_its_lines(tmp_path: Path) -> None:
    for text in ("secret_key AKIA\n", "[DEFAULT]\nsecret_key AKIA\n", "[DEFAULT]\ntemp = a\ntemp = AKIA\n"):
        with pytest.raises(HarvesterError, match=r"cannot be read: line \d") as error:
            settings(environment={}, ini=_ini(tmp_path, text))
        assert "AKIA" not in str(error.value)
        assert error.value.__suppress_context__


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('collections_path = "my data"', 'collections_path is in quotes: "my data"; write it without them.'),
        ("temp = 'x'", "temp is in quotes: 'x'; write it without them."),
        ("temp = x ; the big disk", "temp is 'x ; the big disk'; put the comment on a line of its own."),
        ("temp = x\n  region = y", "temp continues on the indented line of region; remove the indent."),
        ("temp = x\n  secret", "temp continues on an indented line; remove the indent."),
        ("temp = x # the big disk", "temp is 'x # the big disk'; put the comment on a line of its own."),
    ],
)
def test_quotes_and_comments_are_no_part_of_a_value(line: str, told: str, tmp_path: Path) -> None:
    """The harvests went to another folder, without a word."""
    with pytest.raises(HarvesterError) as error:
        settings(environment={}, ini=_ini(tmp_path, f"[DEFAULT]\n{line}\n"))
    assert error.value.problems == (told,) and error.value.exit_code == Exit.USAGE
    name, _, value = line.partition(" = ")
    with pytest.raises(HarvesterError, match=name):
        settings(environment={variable(name): value}, ini=tmp_path / "none.ini")
    assert settings(environment={}, ini=_ini(tmp_path, "[DEFAULT]\ntemp = box #3;4\n")).temp == "box #3;4"


def test_an_option_that_is_empty_is_not_the_current_folder(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match="collections_path is empty"):
        settings(flags={"collections_path": ""}, environment={}, ini=tmp_path / "none.ini")


def test_a_null_byte_which_no_path_may_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarvesterError, match="temp contains a null byte"):
        settings(environment={}, ini=_ini(tmp_path, "[DEFAULT]\ntemp = a\0b\n"))
