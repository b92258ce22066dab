"""The checker objects to every kind of broken history, and to nothing else."""

from dataclasses import replace

from tests.faults.checker import Kind, Stored, StoredEvent, StoredMessage, check
from tests.faults.journal import (
    Acknowledged,
    AnyRecord,
    Applied,
    Based,
    Begun,
    Fetched,
    Refused,
    Skipped,
    Troubled,
    digest_of,
)

ANN, BOB = "user_1", "user_2"
PHONE, LAPTOP, TABLET = f"{ANN}/phone", f"{ANN}/laptop", f"{BOB}/tablet"
DEVICES = {PHONE: ANN, LAPTOP: ANN, TABLET: BOB}


def begun(key: str, device: str = PHONE) -> Begun:
    return Begun(device=device, user_id=DEVICES[device], conversation_id=1, key=key, digest=digest_of(key))


def acknowledged(key: str, seq: int, device: str = PHONE) -> Acknowledged:
    return Acknowledged(
        device=device, user_id=DEVICES[device], conversation_id=1, key=key, message_id=100 + seq, seq=seq
    )


def based(device: str, seq: int = 0) -> Based:
    return Based(device=device, user_id=DEVICES[device], conversation_id=1, seq=seq, why="auth_success")


def skipped(device: str, after: int, to: int, why: str = "replay") -> Skipped:
    return Skipped(device=device, user_id=DEVICES[device], conversation_id=1, after=after, to=to, why=why)


def heard(device: str, seq: int, key: str) -> Applied:
    return Applied(
        device=device,
        user_id=DEVICES[device],
        conversation_id=1,
        seq=seq,
        kind="new_message",
        message_id=100 + seq,
        key=key,
        digest=digest_of(key),
    )


def heard_of(device: str, seq: int, kind: str, about: str) -> Applied:
    return Applied(device=device, user_id=DEVICES[device], conversation_id=1, seq=seq, kind=kind, about=about)


def message(seq: int, key: str, sender: str = ANN) -> StoredMessage:
    return StoredMessage(100 + seq, 1, seq, sender, key, digest_of(key))


def membership(seq: int, kind: str, about: str = BOB) -> StoredEvent:
    return StoredEvent(1, seq, kind, None, about)


def stored(*rows: StoredMessage | StoredEvent, members: tuple[str, ...] = (ANN, BOB)) -> Stored:
    return Stored(
        messages=[row for row in rows if isinstance(row, StoredMessage)],
        events=[row for row in rows if isinstance(row, StoredEvent)],
        heads={1: len(rows)},
        members={1: set(members)},
    )


ONE_AND_TWO = stored(message(1, "one"), message(2, "two"))
SENT: list[AnyRecord] = [begun("one"), acknowledged("one", 1), begun("two"), acknowledged("two", 2)]
HEARD: list[AnyRecord] = [
    record
    for device in DEVICES
    for record in (based(device), heard(device, 1, "one"), heard(device, 2, "two"))
]  # fmt: skip


def kinds(history: list[AnyRecord], database: Stored = ONE_AND_TWO) -> set[Kind]:
    return {violation.kind for violation in check(history, database)}


def test_a_kept_promise_is_not_objected_to() -> None:
    assert kinds(SENT + HEARD) == set()


def test_an_acknowledged_message_that_is_not_stored_is_lost() -> None:
    assert Kind.LOST in kinds(SENT, stored(message(1, "one")))


def test_a_key_that_is_stored_twice_is_doubled() -> None:
    assert Kind.DOUBLED in kinds(SENT + HEARD, stored(message(1, "one"), message(2, "one")))


def test_two_acknowledgements_of_one_key_that_differ_are_doubled() -> None:
    assert Kind.DOUBLED in kinds([*SENT, acknowledged("one", 2), *HEARD])


def test_the_same_acknowledgement_twice_is_fine() -> None:
    assert kinds([*SENT, acknowledged("one", 1), *HEARD]) == set()


def test_a_send_without_an_acknowledgement_may_be_stored_or_not() -> None:
    assert kinds([*SENT, begun("three"), *HEARD]) == set()
    assert kinds([begun("one"), begun("two"), *HEARD]) == set()


def test_a_message_that_nobody_sent_is_trouble() -> None:
    assert Kind.TROUBLE in kinds([begun("one"), *HEARD])


def test_what_was_begun_after_an_acknowledgement_must_come_after_it() -> None:
    swapped = stored(message(1, "two"), message(2, "one"))
    history: list[AnyRecord] = [
        begun("one"),
        acknowledged("one", 2),
        begun("two", TABLET),
        acknowledged("two", 1, TABLET),
    ]
    assert Kind.REORDERED in kinds(history, swapped)


def test_what_was_begun_before_an_acknowledgement_may_come_before_it() -> None:
    swapped = stored(message(1, "two", BOB), message(2, "one"))
    history: list[AnyRecord] = [
        begun("one"),
        begun("two", TABLET),
        acknowledged("one", 2),
        acknowledged("two", 1, TABLET),
    ]
    assert Kind.REORDERED not in kinds(history, swapped)


def test_a_device_that_does_not_wait_keeps_its_order_too() -> None:
    swapped = stored(message(1, "two"), message(2, "one"))
    history: list[AnyRecord] = [begun("one"), begun("two"), acknowledged("two", 1), acknowledged("one", 2)]
    assert Kind.REORDERED in kinds(history, swapped)


def test_what_was_under_way_at_a_refusal_may_overtake() -> None:
    swapped = stored(message(1, "two"), message(2, "one"))
    refused = Refused(device=PHONE, user_id=ANN, conversation_id=1, key="one", code="unavailable", retryable=True)
    history: list[AnyRecord] = [begun("one"), begun("two"), refused, acknowledged("two", 1), acknowledged("one", 2)]
    assert Kind.REORDERED not in kinds(history, swapped)


def test_a_hole_in_the_stored_log_is_found() -> None:
    database = stored(message(1, "one"), message(3, "two"))
    database.heads[1] = 3
    assert Kind.HOLE in kinds([begun("one"), begun("two")], database)


def test_a_row_beyond_the_head_is_found() -> None:
    database = stored(message(1, "one"), message(2, "two"))
    database.heads[1] = 1
    assert Kind.HOLE in kinds([begun("one"), begun("two")], database)


def test_a_device_that_misses_an_event_has_a_hole() -> None:
    assert Kind.HOLE in kinds([*SENT, based(PHONE), heard(PHONE, 2, "two")])


def test_a_device_that_applies_an_event_twice_is_doubled() -> None:
    assert Kind.DOUBLED in kinds([*SENT, based(PHONE), heard(PHONE, 1, "one"), heard(PHONE, 1, "one")])


def test_devices_that_apply_different_events_diverge() -> None:
    assert Kind.DIVERGED in kinds([*SENT, *HEARD, based(PHONE), heard(PHONE, 1, "one"), heard(PHONE, 2, "one")])


def test_an_event_that_is_not_stored_was_lost() -> None:
    assert Kind.LOST in kinds([*SENT, *HEARD, heard(PHONE, 3, "three")])


def test_a_content_that_is_not_the_stored_one_diverges() -> None:
    edited = replace(message(2, "two"), digest=digest_of("edited"))
    assert kinds(SENT + HEARD, stored(message(1, "one"), edited)) == {Kind.DIVERGED}


def test_a_device_that_stays_behind_is_found() -> None:
    assert Kind.BEHIND in kinds([*SENT, *HEARD[:-1]])


def test_a_device_that_never_heard_of_a_conversation_is_found() -> None:
    assert kinds([*SENT, *HEARD[:3], *HEARD[6:], begun("three", LAPTOP)]) == {Kind.BEHIND}


def test_a_head_that_goes_backwards_has_lost_something() -> None:
    assert Kind.LOST in kinds([*SENT, *HEARD, based(PHONE, 1), heard(PHONE, 2, "two")])


def test_what_was_fetched_must_be_what_is_stored() -> None:
    fetched = Fetched(device=PHONE, user_id=ANN, conversation_id=1, seq=1, message_id=102, digest="")
    assert kinds([*SENT, *HEARD, fetched]) == {Kind.DIVERGED}


def test_an_error_that_nobody_should_see_is_trouble() -> None:
    told = Troubled(device=PHONE, user_id=ANN, conversation_id=1, what="internal")
    assert kinds([*SENT, *HEARD, told]) == {Kind.TROUBLE}


LEFT = stored(
    message(1, "one", BOB), membership(2, "participant_left"), message(3, "two", BOB), members=(ANN,)
)  # fmt: skip
BACK = stored(
    message(1, "one", BOB),
    membership(2, "participant_left"),
    membership(3, "participant_joined"),
    message(4, "two", BOB),
)
BEGUN: list[AnyRecord] = [begun("one", TABLET), begun("two", TABLET), based(TABLET)]


def test_who_has_left_hears_nothing_more() -> None:
    until_left = [*BEGUN, heard(TABLET, 1, "one"), heard_of(TABLET, 2, "participant_left", BOB)]
    assert kinds(until_left, LEFT) == set()
    assert Kind.OUTSIDE in kinds([*until_left, heard(TABLET, 3, "two")], LEFT)


def test_who_has_left_must_hear_of_it() -> None:
    assert kinds([*BEGUN, heard(TABLET, 1, "one")], LEFT) == {Kind.BEHIND}


def test_who_was_away_when_it_left_and_came_back_may_skip_the_time_between() -> None:
    assert kinds([*BEGUN, skipped(TABLET, 0, 3), heard(TABLET, 4, "two")], BACK) == set()


def test_nobody_may_skip_what_the_present_membership_covers() -> None:
    assert kinds([*BEGUN, skipped(TABLET, 0, 4)], BACK) == {Kind.HOLE}
    assert kinds([*SENT, *HEARD[:6], based(TABLET), skipped(TABLET, 0, 2)]) == {Kind.HOLE}


def test_who_is_there_when_it_is_taken_out_and_in_must_hear_of_both() -> None:
    live = skipped(TABLET, 1, 3, "conversation_created")
    history = [*BEGUN, heard(TABLET, 1, "one"), live, heard(TABLET, 4, "two")]
    assert kinds(history, BACK) == {Kind.HOLE}
