"""JSON of others has the numbers that orjson reads of it."""

import orjson
import pytest

from harvester.documents.foreign import loaded


@pytest.mark.parametrize("number", [0, 10**18 - 1, 1_900_000_000_000_000_001, (1 << 64) - 1, -(1 << 63)])
def test_a_whole_number_of_64_bits_such_as_an_id_keeps_its_digits(number: int) -> None:
    found = loaded(f'{{"id": {number}, "text": "\\ud83d"}}')["id"]
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1, 10**300])
def test_a_longer_one_is_a_float_as_orjson_has_it(number: int) -> None:
    assert loaded(str(number)) == orjson.loads(str(number))
    assert type(loaded(str(number))) is float


def test_one_beyond_floats_is_null() -> None:
    assert loaded("1" * 5_000) is None


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000])
def test_what_is_nested_too_deeply_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        loaded(text)
