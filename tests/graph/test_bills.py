"""What is proposed to be approved pays for something, and can be approved."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.graph.bills import worth_approving

_MILLS = st.integers(0, 5_000).map(lambda mills: mills / 1000)


@pytest.mark.parametrize(
    ("spent", "rest", "approved", "left", "usd"),
    [
        (0.0, 4.136, 0.0, None, 4.14),
        (0.0, 4.136, 0.0, 1.349, 1.34),
        # As much as is approved already: the lists were longer than their profiles said.
        (0.095, 0.004, 0.10, None, 0.11),
        (0.0, 0.0, 0.0, None, 0.01),
        (0.0, 4.136, 0.0, 0.009, None),
        (0.5, 3.0, 0.5, 0.005, None),
    ],
)
def test_what_is_proposed(
    spent: float, rest: float, approved: float, left: float | None, usd: float | None
) -> None:
    assert worth_approving(spent=spent, rest=rest, least=0.01, approved=approved, left=left) == usd


@given(_MILLS, _MILLS, _MILLS, st.none() | _MILLS, st.sampled_from([0.001, 0.01]))
def test_a_proposal_pays_for_a_request_more_and_is_within_the_budget(
    spent: float, rest: float, approved: float, left: float | None, least: float
) -> None:
    usd = worth_approving(spent=spent, rest=rest, least=least, approved=approved, left=left)
    if usd is None:
        assert left is not None and spent + left < max(spent, approved) + least + 0.01
    else:
        assert usd == round(usd, 2) and round(usd - max(spent, approved) - least, 6) >= 0
        assert left is None or round(spent + left - usd, 6) >= 0
