"""Which tokens a revocation is about."""

import pytest

from bihak.core.identity import is_revoked, millisecond_of


@pytest.mark.parametrize("at_ms", [1_796_000_000_101, 1_796_000_000_999, 1_796_000_001_000, 1001])
def test_a_time_in_seconds_falls_in_the_millisecond_it_was_made_of(at_ms: int) -> None:
    assert millisecond_of(at_ms / 1000) == at_ms
    assert millisecond_of((at_ms + 0.9) / 1000) == at_ms, "whoever makes tokens may be more precise"


def test_a_token_is_revoked_that_was_made_before_not_at_that_time() -> None:
    assert is_revoked(1_796_000_000.1009, 1_796_000_000_101)
    assert not is_revoked(1_796_000_000.101, 1_796_000_000_101)
    assert is_revoked(0, 1), "a token that does not tell"
