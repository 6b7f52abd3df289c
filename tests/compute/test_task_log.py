"""What one of several streams said is found again in the log of their task, as it said it."""

from hypothesis import given
from hypothesis import strategies as st

from harvester.compute.task_log import lines_of, marked

_STREAMS = ("a", "a-b", "b")
_LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)


@given(st.lists(st.tuples(st.sampled_from(_STREAMS), _LINES)), st.sampled_from(_STREAMS))
def test_the_lines_of_one_stream_come_back_and_no_others(said: list[tuple[str, str]], one: str) -> None:
    log = [marked(line, stream) for stream, line in said]
    assert list(lines_of(log, one, _STREAMS)) == [line for stream, line in said if stream == one]


def test_a_line_of_json_stays_one_and_says_whose_it_is() -> None:
    line = marked('{"time":"2026-11-27","level":"INFO","message":"a | b"}', "b")
    assert line == '{"time":"2026-11-27","level":"INFO","message":"a | b","collection":"b"}'
    assert list(lines_of([line], "a", _STREAMS)) == []
    assert list(lines_of([line], "b", _STREAMS)) == [line]


def test_what_the_task_says_itself_is_in_the_log_of_each() -> None:
    own = ["2026-11-27T09:00:00 INFO a: started process 7.", '{"time":"2026-11-27","message":"b: started"}']
    for stream in _STREAMS:
        assert list(lines_of(own, stream, _STREAMS)) == own
