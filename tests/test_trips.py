"""The paths of operations through the code can be recorded."""

from pathlib import Path

from tests.trips import page, stop


def test_a_page_is_followed_from_its_request_to_the_manifest(tmp_path: Path) -> None:
    trip = page(tmp_path)
    assert {"networks/x/http/request.py", "harvest/pipeline.py", "harvest/manifest.py"} <= trip.files
    assert {"networks", "harvest", "store"} <= trip.rooms
    # Given to the retries by the client; and after the manifest, nothing is recorded.
    assert "networks/x/client.py: XClient._asking.<locals>.read" in trip.callbacks
    assert "harvest/finalize.py" not in trip.files


def test_a_stop_is_followed_to_the_released_lock(tmp_path: Path) -> None:
    trip = stop(tmp_path)
    assert {"networks/x/http/interruptible.py", "harvest/finalize.py", "harvest/lock.py"} <= trip.files
    assert "networks/x/http/interruptible.py: Sockets._end" in trip.callbacks
    # What ran before the stop is not in it.
    assert "harvest/recovery.py" not in trip.files
