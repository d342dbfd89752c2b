"""Insights: what is counted, for whom, and that nothing tells of fewer than five people."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from bs4 import BeautifulSoup
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries

from threads import failures, insights
from threads.forms.insights import InsightsForm
from threads.insights import FEWEST, Figures, GaveUp, Period, figures, hidden_days, in_steps, last_day
from threads.models import Assistant, Feedback, Message, Thread, User

pytestmark = pytest.mark.django_db

PAGE = reverse("threads:insights")
FIXED_QUERIES = 13
Asked = Callable[..., list[Message]]


@pytest.fixture
def people(db: None) -> list[User]:
    return User.objects.bulk_create(User(email=f"p{n}@example.org", password="!") for n in range(30))


@pytest.fixture
def asked(assistant: Assistant) -> Asked:
    """Each of these people asked, so many weeks ago, on this day of the week (0: Monday), and was answered."""

    def asked(
        people: Iterable[User],
        weeks_ago: int = 1,
        weekday: int = 2,
        times: int = 1,
        of: Assistant = assistant,
        **fields: Any,
    ) -> list[Message]:
        monday = last_day() - timedelta(days=7 * weeks_ago - 1)
        at = datetime(monday.year, monday.month, monday.day, 12, tzinfo=timezone.get_current_timezone())
        at += timedelta(days=weekday)
        answers = []
        for person in people:
            thread = Thread.objects.create(
                owner=person, assistant=of, title="?", client_token=_tokens(), asked_at=at
            )
            for n in range(times):
                question = Message(
                    thread=thread, role="user", state="done", position=2 * n + 1, created_at=at
                )
                question.save()
                defaults: dict[str, Any] = {
                    "state": "done",
                    "created_at": at,
                    "answering_at": at + timedelta(seconds=2),
                    "finished_at": at + timedelta(seconds=10),
                    "legal_advice": False,
                }
                answers.append(
                    Message.objects.create(
                        thread=thread,
                        role="assistant",
                        position=2 * n + 2,
                        question=question,
                        **(defaults | fields),
                    )
                )
        return answers

    return asked


def _tokens(numbers: Iterator[int] = count()) -> str:  # noqa: B008 one for all
    return f"00000000-0000-0000-0000-{next(numbers):012}"


def look(weeks: int = 4, of: Assistant | None = None) -> Figures:
    return figures(Period.last(weeks), of)


def page_of(response: Any) -> BeautifulSoup:
    return BeautifulSoup(response.content, "html.parser")


def by_assistant(found: Figures) -> list[tuple[str | None, int | None]]:
    return [
        (each.assistant.slug if each.assistant else None, each.usage.questions if each.usage else None)
        for each in found.assistants
    ]


# --- who sees them ---


def test_who_has_no_right_finds_no_figures_nor_a_way_to_them(client: Client, releaser: User) -> None:
    assert client.get(PAGE).status_code == 404
    assert PAGE not in client.get("/").content.decode()
    client.force_login(releaser)
    assert client.get(PAGE).status_code == 404


@pytest.mark.parametrize("name", ["auditor", "admin"])
def test_auditors_and_admins_find_the_way_to_them(name: str, request: pytest.FixtureRequest) -> None:
    client = Client()
    client.force_login(request.getfixturevalue(name))
    assert page_of(client.get("/")).select(f'.site-header a[href="{PAGE}"]')
    assert client.get(PAGE).status_code == 200


def test_only_reading_is_possible(seeing: Client) -> None:
    assert seeing.post(PAGE).status_code == 405


@pytest.fixture
def seeing(auditor: User) -> Client:
    client = Client()
    client.force_login(auditor)
    return client


# --- what is counted ---


def test_questions_and_times_of_whole_weeks(asked: Asked, people: list[User]) -> None:
    asked(people[:5], times=2)
    asked(people[:6], weeks_ago=2, answering_at=None, finished_at=None, state="waiting")
    found = look()
    assert found.usage
    assert found.usage.questions == 16
    assert found.usage.waiting == (2, 2)
    assert found.usage.answering == (8, 8)
    assert [week.usage.questions if week.usage else None for week in found.weeks] == [0, 0, 6, 10]
    assert found.weeks[2].usage
    assert found.weeks[2].usage.waiting is None


def test_median_and_p95(asked: Asked, people: list[User]) -> None:
    for seconds, person in enumerate(people[:21]):
        answer = asked([person])[0]
        Message.objects.filter(pk=answer.pk).update(
            answering_at=answer.created_at + timedelta(seconds=seconds)
        )
    usage = look().usage
    assert usage
    assert usage.waiting == (10, 19)


def test_this_week_is_not_counted_yet(asked: Asked, people: list[User]) -> None:
    asked(people[:9], weeks_ago=0, weekday=0)
    assert look().is_empty


def test_weeks_begin_on_monday_here_and_not_in_greenwich(asked: Asked, people: list[User]) -> None:
    monday = last_day() - timedelta(days=6)
    begin = datetime(monday.year, monday.month, monday.day, tzinfo=timezone.get_current_timezone())
    asked(people[:5], created_at=begin)
    asked(people[:6], created_at=begin - timedelta(seconds=1))
    asked(people[:7], created_at=begin + timedelta(weeks=1))
    found = look(1)
    assert found.usage
    assert found.usage.questions == 5
    assert [day.usage.questions for day in found.days[0].days if day.usage] == [5, 0, 0, 0, 0, 0, 0]


def test_what_was_asked_anew_counts_again(asked: Asked, people: list[User]) -> None:
    asked(people[:5], times=2)
    Message.objects.filter(position__lte=2).update(superseded_at=timezone.now())
    usage = look().usage
    assert usage
    assert usage.questions == 10


def test_notices_are_told_as_shares_of_the_questions(asked: Asked, people: list[User]) -> None:
    asked(people[:5], legal_advice=True)
    asked(people[:3], legal_advice=None)
    asked(people[:2], legal_advice=None, state="failed", error_code="api_error")
    usage = look().usage
    assert usage
    assert (usage.with_notice, usage.notice_unknown) == (50, 30)


def test_failures_of_which_users_are_told_the_same_are_one_cause(asked: Asked, people: list[User]) -> None:
    asked(people[:3], state="failed", error_code="api_timeout_error")
    asked(people[3:5], state="failed", error_code="read_timeout")
    asked(people[:4], state="failed", error_code="never heard of")
    asked(people[4:6], state="failed", error_code="http_error")
    assert look().failures.causes == [("http_error", 6), ("api_timeout_error", 5)]


@pytest.mark.parametrize("language", ["de", "en"])
def test_each_cause_is_one_sentence(language: str) -> None:
    with translation.override(language):
        for code in failures.KNOWN_CODES:
            cause = failures.what_happened(code)
            assert cause.endswith(".")
            assert ". " not in cause
            assert str(failures.reason(code)).startswith(cause[:-1])


def test_helpful_is_a_share_of_the_answers_with_feedback(asked: Asked, people: list[User]) -> None:
    for n, answer in enumerate(asked(people[:10])):
        if n < 5:
            Feedback.objects.give(answer, "up" if n else "down")
    found = look()
    assert found.ratings
    assert (found.ratings.given, found.ratings.helpful) == (5, 80)
    assert [each.ratings for each in found.assistants] == [found.ratings]


def test_people_are_told_in_steps_of_five(asked: Asked, people: list[User]) -> None:
    assert [in_steps(n) for n in (5, 7, 8, 12, 13)] == [5, 5, 10, 10, 15]
    asked(people[:7])
    asked(people[:13], weeks_ago=2)
    found = look()
    assert [week.people for week in found.weeks] == [0, 0, 15, 5]
    assert found.people_a_week == 10


# --- what is not told ---


def give_feedback(answers: Iterable[Message], rating: str = "up") -> None:
    for answer in answers:
        Feedback.objects.give(answer, rating)


def test_four_people_are_too_few_however_much_they_ask(asked: Asked, people: list[User]) -> None:
    give_feedback(asked(people[:4], times=9))
    asked(people[:4], state="failed", error_code="api_error")
    found = look()
    assert not found.is_empty
    assert not found.are_complete
    assert not found.failures.are_complete
    assert (found.usage, found.ratings, found.failures.causes, found.failures.others) == (None, None, [], 0)
    assert [week.usage for week in found.weeks][-1] is None
    assert not any(each.usage for each in found.assistants)
    assert found.people_a_week is None


def test_four_who_failed_and_four_who_said_so_are_too_few_among_many(
    asked: Asked, people: list[User]
) -> None:
    asked(people)
    give_feedback(asked(people[:4]), "down")
    asked(people[:4], state="failed", error_code="content_filter_error")
    found = look()
    assert found.usage
    assert found.usage.questions == 38
    assert (found.ratings, found.failures.causes, found.failures.others) == (None, [], 0)


def test_those_who_waited_must_be_five(asked: Asked, people: list[User]) -> None:
    asked(people[:4])
    asked(people[:9], state="stopped", answering_at=None)
    usage = look().usage
    assert usage
    assert (usage.questions, usage.waiting, usage.answering) == (13, None, None)


def test_a_small_week_is_left_out_of_sums_too(asked: Asked, people: list[User]) -> None:
    asked(people[:5])
    asked(people[:4], weeks_ago=2)
    found = look()
    assert found.usage
    assert found.usage.questions == 5
    assert look(1).usage == found.usage


def test_small_assistants_are_put_together_or_left_out(
    asked: Asked, people: list[User], make_assistant: Callable[..., Assistant]
) -> None:
    two, three = (make_assistant(slug=f"a{n}", name=f"A{n}", remote_id=_tokens()) for n in (2, 3))
    asked(people[:6])
    asked(people[:3], of=two)
    found = look()
    assert by_assistant(found) == [("arbeitsrecht", 6), (None, None)]
    assert found.usage
    assert found.usage.questions == 6
    asked(people[3:6], of=three)
    found = look()
    assert by_assistant(found) == [("arbeitsrecht", 6), (None, 6)]
    assert found.usage
    assert found.usage.questions == 12
    assert look(of=two).usage is None


def test_small_causes_are_put_together_or_left_out(asked: Asked, people: list[User]) -> None:
    asked(people[:6], state="failed", error_code="api_error")
    asked(people[:3], state="failed", error_code="content_filter_error")
    assert look().failures.others == 0
    asked(people[3:6], state="failed", error_code="internal_error")
    found = look().failures
    assert (found.causes, found.others, found.are_complete) == ([("internal_service_error", 6)], 6, True)


def test_of_one_assistant_small_causes_are_not_put_together(
    asked: Asked, people: list[User], assistant: Assistant
) -> None:
    asked(people[:3], state="failed", error_code="content_filter_error")
    asked(people[3:6], state="failed", error_code="internal_error")
    assert look(of=assistant).failures.others == 0


def test_a_small_day_takes_another_day_with_it(asked: Asked, people: list[User]) -> None:
    for weekday, size in enumerate([7, 6, 8, 4]):
        asked(people[:size], weekday=weekday)
    days = look(1).days[0]
    assert [day.usage and day.usage.questions for day in days.days] == [7, None, 8, None, 0, 0, 0]
    assert days.others == 10


def test_days_are_shown_for_all_assistants_and_short_periods_only(
    asked: Asked, people: list[User], assistant: Assistant
) -> None:
    asked(people[:5])
    assert look(4).days
    assert not look(13).days
    assert not look(4, assistant).days


def test_of_small_days_nothing_follows_from_what_is_shown() -> None:
    """Many ways to spread people over the days of a week: what is left of the week is nothing, or of five people."""
    chance = random.Random(622)  # noqa: S311
    for _ in range(2_000):
        sizes = [chance.choice([0, 1, 2, 3, 4, 5, 6, 9]) for _ in range(7)]
        days = {date(2026, 1, 5) + timedelta(days=n): (size + chance.randint(0, 3), size)
                for n, size in enumerate(sizes) if size}  # fmt: skip
        hidden = hidden_days(days)
        assert all(days[day][1] >= FEWEST for day in days if day not in hidden)
        is_alone = len(hidden) == len(days)  # then the week is not divided
        assert not hidden or is_alone or any(days[day][1] >= FEWEST for day in hidden)


def _published(period: Period, of: Assistant | None) -> dict[str, list[set[Any]]]:
    """The answers behind each count of a page, by what is counted."""
    sets: dict[str, dict[Any, set[Any]]] = defaultdict(lambda: defaultdict(set))
    measures = {
        "questions": insights._EACH_QUESTION,
        "feedback": insights._EACH_FEEDBACK,
        "failures": insights._EACH_FAILURE,
    }
    for measure, each in measures.items():
        counted = insights._COUNTED.format(**each)
        sql = f"{counted} SELECT id, week, assistant, cause, is_counted FROM counted"  # noqa: S608
        for id_, week, assistant, cause, is_counted in insights._select(sql, period, of):
            if is_counted:
                for key in (("total",), ("week", week), ("assistant", assistant), ("cause", cause)):
                    sets[measure][key].add(id_)
    return {measure: list(by_key.values()) for measure, by_key in sets.items()}


@pytest.mark.parametrize("seed", range(8))
def test_whatever_one_subtracts_from_whatever_five_people_are_behind_what_is_left(
    seed: int,
    asked: Asked,
    people: list[User],
    assistant: Assistant,
    make_assistant: Callable[..., Assistant],
) -> None:
    """All pages there are: every period of three weeks, with each assistant.

    Each answer is in some of the counts on them. Those that are in the same ones can't be told apart; and of such a
    set, which is the least that any sum or difference of counts can single out, at least five people are the authors.
    """
    chance = random.Random(seed)  # noqa: S311
    assistants = [assistant, *(make_assistant(slug=f"a{n}", remote_id=_tokens()) for n in range(2))]
    codes = ["content_filter_error", "api_error", "internal_error"]
    for weeks_ago in (1, 2, 3):
        for each in assistants:
            for person in chance.sample(people, chance.choice([0, 2, 3, 4, 5, 7])):
                failed = chance.random() < 0.7
                state = {"state": "failed", "error_code": chance.choice(codes)} if failed else {}
                answers = asked([person], weeks_ago, chance.randint(0, 6), of=each, **state)
                if chance.random() < 0.7:
                    give_feedback(answers, chance.choice(["up", "down"]))
    monday = last_day() - timedelta(days=20)
    pages = [
        _published(
            Period(monday + first * insights.WEEK, monday + last * insights.WEEK + timedelta(days=6)), of
        )
        for first in range(3)
        for last in range(first, 3)
        for of in [None, *assistants]
    ]
    owners = dict(Message.objects.answers().values_list("pk", "thread__owner"))
    seen = 0
    for measure in ("questions", "feedback", "failures"):
        counts = [ids for page in pages for ids in page.get(measure, [])]
        alike = defaultdict(set)
        for id_, owner in owners.items():
            if signature := frozenset(n for n, ids in enumerate(counts) if id_ in ids):
                alike[signature].add(owner)
        assert all(len(those) >= FEWEST for those in alike.values()), measure
        seen += len(alike)
    assert seen


def test_page_shows_no_number_of_those_too_few(seeing: Client, asked: Asked, people: list[User]) -> None:
    asked(people[:4], times=13)
    text = page_of(seeing.get(PAGE)).main.get_text(" ", strip=True)  # type: ignore[union-attr]
    assert "In keiner dieser Wochen haben mindestens fünf Personen gefragt" in text
    assert "52" not in text.replace("52 Wochen", "")
    assert not any(person.email in text for person in people)


# --- the page ---


def test_page_has_each_plot_with_its_table(seeing: Client, asked: Asked, people: list[User]) -> None:
    give_feedback(asked(people[:8], weekday=1, times=150))
    asked(people[:6], weekday=3, state="failed", error_code="api_error")
    response = seeing.get(f"{PAGE}?weeks=1")
    page = page_of(response)
    plots = page.select("svg[role=img]")
    assert len(plots) == 2
    assert len(page.select(".plot-bars")) == 4
    for plot in plots:
        title, description = (page.find(id=id_) for id_ in str(plot["aria-labelledby"]).split())
        assert title
        assert title.text
        assert description
        assert description.text
    assert len(page.select("table caption")) == 6
    assert "1.206" in page.select(".key-figures")[0].text
    assert not page.select("[style], script:not([src]):not([type])")
    seeing.cookies["django_language"] = "en"
    seeing.post(reverse("threads:language"), {"language": "en", "next": PAGE})
    assert "1,206" in page_of(seeing.get(f"{PAGE}?weeks=1")).select(".key-figures")[0].text


def test_page_takes_as_many_queries_for_much_as_for_little(
    seeing: Client, asked: Asked, people: list[User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    asked(people[:5])
    with django_assert_num_queries(FIXED_QUERIES):
        seeing.get(PAGE)
    for weeks_ago in range(1, 9):
        give_feedback(asked(people, weeks_ago))
    with django_assert_num_queries(FIXED_QUERIES):
        seeing.get(f"{PAGE}?weeks=52")


def test_names_are_not_taken_for_markup(
    seeing: Client, asked: Asked, people: list[User], assistant: Assistant
) -> None:
    Assistant.objects.update(name="<script>alert(1)</script>")
    asked(people[:5])
    assert "<script>alert" not in seeing.get(PAGE).content.decode()


def test_without_data_it_says_so(seeing: Client) -> None:
    assert page_of(seeing.get(PAGE)).select(".empty")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=nonsense", "since"),
        ("since=2026-01-05&until=nonsense", "until"),
        ("until=2026-01-05", "since"),
        ("since=2026-01-05&until=2026-01-04", "until"),
        ("since=2024-01-01&until=2025-06-01", "until"),
        ("since=2020-01-01", "until"),
        ("since=2099-01-01", "since"),
        ("assistant=nobody", "assistant"),
    ],
)
def test_bad_filter_is_said_at_its_field(seeing: Client, query: str, field: str) -> None:
    response = seeing.get(f"{PAGE}?{query}")
    page = page_of(response)
    assert response.status_code == 422
    assert [tag["id"] for tag in page.select("[aria-invalid]")] == [f"insights-{field}"]
    assert page.find(id=f"insights-{field}-errors")
    assert not page.select("svg[role=img]")


@pytest.mark.parametrize("weeks", ["5", "x", "-1"])
def test_period_that_is_not_offered_is_not_found(seeing: Client, weeks: str) -> None:
    assert seeing.get(f"{PAGE}?weeks={weeks}").status_code == 404


@pytest.mark.usefixtures("assistant")
def test_days_stand_for_their_weeks() -> None:
    form = InsightsForm({"since": "2026-01-07", "until": "2026-01-13"})  # type: ignore[arg-type]
    assert form.is_valid()
    assert form.period == Period(date(2026, 1, 5), date(2026, 1, 18))
    year = InsightsForm({"since": "2025-01-01", "until": "2025-12-31"})  # type: ignore[arg-type]
    assert year.is_valid()
    assert len(year.period.mondays) == 53


def test_counting_that_takes_too_long_is_given_up(seeing: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "_USAGE", "SELECT pg_sleep(5) /* {day}{by_day} */")
    monkeypatch.setattr(insights, "LONGEST", 0.05)
    with pytest.raises(GaveUp), transaction.atomic():
        look()
    response = seeing.get(PAGE)
    assert response.status_code == 503
    assert page_of(response).select("#insights-since-errors")
