"""Days and weeks, as the clock of the site has them."""

from datetime import date, datetime, time, timedelta

from django.utils import timezone


def begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def monday_of(day: date) -> date:
    """Of the week that it is in."""
    return day - timedelta(days=day.weekday())
