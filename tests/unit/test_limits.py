"""Token buckets."""

from bihak.core.limits import SWEEP_SIZE, RateLimit


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
