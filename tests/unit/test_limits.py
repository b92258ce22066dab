"""Token buckets."""

import pytest

from bihak.core.limits import SWEEP_SIZE, Limit, Limits, RateLimit, network_of
from bihak.errors import RateLimited


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_up_to_the_count_goes_through_and_no_more() -> None:
    clock = Hands()
    limit = RateLimit(3, 6.0, clock)
    assert [limit.take("a") for _ in range(3)] == [0.0] * 3
    assert limit.take("a") == 2.0
    assert limit.take("a") == 2.0, "a refusal takes nothing"
    clock.now += 1.0
    assert limit.take("a") == 1.0
    clock.now += 1.0
    assert limit.take("a") == 0.0
    assert limit.take("a") == 2.0


def test_keys_do_not_share_a_bucket() -> None:
    limit = RateLimit(1, 1.0, Hands())
    assert limit.take("a") == limit.take("b") == 0.0
    assert limit.take("a") > 0


def test_a_long_rest_saves_up_no_more_than_one_burst() -> None:
    clock = Hands()
    limit = RateLimit(2, 1.0, clock)
    limit.take("a")
    clock.now += 3600.0
    assert [limit.take("a") == 0.0 for _ in range(3)] == [True, True, False]


def test_a_limit_that_is_off_refuses_nothing() -> None:
    limit = RateLimit.off()
    assert {limit.take("a") for _ in range(1000)} == {0.0}


def test_full_buckets_are_forgotten() -> None:
    clock = Hands()
    limit = RateLimit(2, 1.0, clock)
    for number in range(SWEEP_SIZE + 1):
        limit.take(f"user_{number}")
    clock.now += 10.0
    limit.take("one more")
    assert len(limit._buckets) <= 2


def test_buckets_that_are_not_full_are_not_looked_through_for_each_one_that_comes() -> None:
    """Ten thousand people who are busy must not make each message cost as much."""
    looks = []
    limit = RateLimit(2, 1.0, Hands())
    forget = limit._forget_full

    def counted(now: float) -> None:
        looks.append(now)
        forget(now)

    limit._forget_full = counted  # type: ignore[method-assign]
    for number in range(4 * SWEEP_SIZE):
        limit.take(f"user_{number}")
    assert len(looks) <= 3
    assert limit.take("user_0") == 0.0
    assert limit.take("user_0") > 0


def test_a_refusal_tells_how_long_to_wait() -> None:
    limits = Limits({Limit.SEARCH: RateLimit(1, 10.0, Hands())})
    limits.require(Limit.SEARCH, "user_1")
    with pytest.raises(RateLimited) as refused:
        limits.require(Limit.SEARCH, "user_1")
    assert refused.value.retry_after == 10.0
    for _ in range(100):
        limits.require(Limit.HISTORY, "user_1")  # which has no limit here


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_network_is_what_one_subscriber_has_to_himself(address: str, network: str) -> None:
    assert network_of(address) == network
