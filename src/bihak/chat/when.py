"""Moments as people say them, in this machine's time zone."""

from datetime import date, datetime, timedelta


def moment_of(text: str) -> datetime:
    """From a time of the protocol."""
    return datetime.fromisoformat(text).astimezone()


def clock(moment: datetime) -> str:
    return f"{moment:%H:%M}"


def day_name(day: date, today: date) -> str:
    """Today, Yesterday, a day of the last week, or a date."""
    ago = (today - day).days
    if ago == 0:
        return "Today"
    if ago == 1:
        return "Yesterday"
    if 1 < ago < 7:
        return f"{day:%A}"
    year = "" if day.year == today.year else f" {day.year}"
    return f"{day:%A}, {day.day} {day:%B}{year}"


def ago(moment: datetime, now: datetime) -> str:
    """`5 min ago`, `10:42`, or the day."""
    passed = now - moment
    if passed < timedelta(minutes=1):
        return "just now"
    if passed < timedelta(hours=1):
        return f"{passed // timedelta(minutes=1)} min ago"
    if moment.date() == now.date():
        return f"at {clock(moment)}"
    return day_name(moment.date(), now.date())


def now() -> datetime:
    return datetime.now().astimezone()
