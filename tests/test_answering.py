"""The way of a question, on a real database, with a real worker and the sandbox."""

import json
import logging
import uuid
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client, override_settings
from django.utils import timezone, translation

from tests.conftest import RunningSandbox, answer_of
from threads import answering
from threads.answering import calling, line
from threads.answering.line import Claim
from threads.completions import Completion
from threads.models import Assistant, Message, State, Thread, User, Worker
from threads.models.worker import heartbeat
from threads.sandbox import API_KEY, WORKING_TIME

pytestmark = pytest.mark.django_db(transaction=True)

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]
Work = Callable[[], None]

QUESTION = "Welche Kündigungsfristen gelten während der Probezeit?"


def test_question_is_answered_with_its_sources(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    thread = start(QUESTION)
    work()
    answer = answer_of(thread)
    first = answer.sources.all()[0]
    assert answer.state == State.DONE
    assert "§ 622 Abs. 3" in answer.content
    assert (first.position, first.document_title, first.section) == (
        1,
        "Bürgerliches Gesetzbuch (BGB)",
        "§ 622 Abs. 3",
    )
    assert "zwei Wochen" in first.content


def test_request_is_as_the_contract_has_it(
    sandbox: RunningSandbox, start: Start, work: Work, asker: User, assistant: Assistant
) -> None:
    start(QUESTION)
    work()
    assert sandbox.bodies == [
        {
            "assistant_id": str(assistant.remote_id),
            "messages": [{"role": "user", "content": QUESTION}],
            "user_id": str(asker.pseudonym),
        }
    ]


def test_follow_up_brings_the_whole_conversation_in_order(
    sandbox: RunningSandbox, start: Start, ask: Ask, work: Work
) -> None:
    thread = start("Welche Frist gilt in der Probezeit?")
    work()
    ask(thread, "Und nach zwei Jahren?")
    work()
    ask(thread, "Und nach zehn Jahren?")
    work()
    messages = sandbox.bodies[-1]["messages"]
    assert [(message["role"], message["content"]) for message in messages] == [
        ("user", "Welche Frist gilt in der Probezeit?"),
        ("assistant", answer_of(thread, 2).content),
        ("user", "Und nach zwei Jahren?"),
        ("assistant", answer_of(thread, 4).content),
        ("user", "Und nach zehn Jahren?"),
    ]


def test_follow_up_carries_the_thread_id_once_it_is_known(
    sandbox: RunningSandbox, start: Start, ask: Ask, work: Work
) -> None:
    thread = start()
    work()
    ask(thread, "Und dann?")
    work()
    thread.refresh_from_db()
    assert [request["thread_id"] for request in sandbox.app.requests] == [None, str(thread.remote_id)]


def test_questions_of_one_thread_are_answered_in_order(
    sandbox: RunningSandbox, start: Start, ask: Ask, work: Work
) -> None:
    thread = start("eins")
    for text in ("zwei", "drei", "vier"):
        ask(thread, text)
    work()
    lengths = [len(body["messages"]) for body in sandbox.bodies]
    last = [body["messages"][-1]["content"] for body in sandbox.bodies]
    assert last == ["eins", "zwei", "drei", "vier"]
    assert lengths == [1, 3, 5, 7]


def test_licence_is_sent_to_an_assistant_that_has_one(
    sandbox: RunningSandbox, start: Start, work: Work, make_assistant: Callable[..., Assistant]
) -> None:
    licensed = make_assistant(remote_id=WORKING_TIME, slug="zeit", licence="L-1")
    thread = start("Wie viele Urlaubstage gibt es?", assistant=licensed)
    work()
    assert sandbox.bodies[0]["meta_data"] == {"user_data": {"licence": "L-1"}}
    assert answer_of(thread).state == State.DONE


def test_answer_keeps_all_that_came(start: Start, assistant: Assistant) -> None:
    answer = answer_of(start())
    came = {
        "content": "**Zwei Wochen.**",
        "created_at": "2025-03-15T09:13:02.654321Z",
        "id": "5e6f7081-9012-def0-1234-556677889900",
        "meta_data": {"intent": "Frist", "legal_advice": False, "type": None, "new": [1, {"a": None}]},
        "role": "assistant",
        "sources": [{"content": "§ 622", "meta_data": {"section": "Abs. 3", "page": 7}, "score": 0.5}],
        "thread_id": "1a2b3c4d-5678-9abc-def0-112233445566",
        "unknown": {"key": True},
    }
    calling.store(Claim(answer, 0, 0), Completion.model_validate(came))
    answer.refresh_from_db()
    source = answer.sources.get()
    stored = answer.received | {
        "content": answer.content,
        "sources": [source.received | {"content": source.content}],
    }
    assert stored == came
    assert (answer.intent, source.section, source.document_title) == ("Frist", "Abs. 3", "")
    assert str(answer.thread.remote_id) == came["thread_id"]


@pytest.mark.parametrize(("language", "begins"), [("de", "Diese Antwort"), ("en", "This answer")])
@pytest.mark.parametrize(
    ("meta_data", "notice"),
    [({"legal_advice": True}, True), ({}, True), ({"legal_advice": None}, True), (None, True),
     ({"legal_advice": "false"}, True), ({"legal_advice": False}, False)],
)  # fmt: skip
def test_legal_notice_follows_the_answer(
    start: Start, language: str, begins: str, meta_data: object, notice: bool
) -> None:
    with translation.override(language):
        answer = answer_of(start())
    calling.store(Claim(answer, 0, 0), Completion.model_validate({"content": "Ja.", "meta_data": meta_data}))
    answer.refresh_from_db()
    assert answer.legal_notice.startswith(begins) if notice else answer.legal_notice == ""


def test_assistants_own_wording_is_stored_and_outlives_a_change(start: Start, assistant: Assistant) -> None:
    assistant.notice_text = "Fragen Sie die Rechtsabteilung."
    assistant.save()
    answer = answer_of(start())
    calling.store(Claim(answer, 0, 0), Completion.model_validate({"content": "Ja."}))
    assistant.notice_text = "Anders."
    assistant.save()
    answer.refresh_from_db()
    assert answer.legal_notice == "Fragen Sie die Rechtsabteilung."


@pytest.mark.usefixtures("impatient")
@override_settings(GIVE_UP_SECONDS=0)
@pytest.mark.parametrize(
    ("fault", "state", "calls"),
    [
        ("assistant_not_available", State.FAILED, 1),
        ("content_filter_error", State.FAILED, 1),
        ("unauthorized", State.FAILED, 1),
        ("validation_error", State.FAILED, 1),
        ("request_metadata_missing_or_incomplete", State.FAILED, 1),
        ("internal_service_error", State.FAILED, 1),
        ("html_502", State.FAILED, 1),
        ("empty_200", State.FAILED, calling.FAILURES),
    ],
)
def test_lasting_fault_ends_in_failed(
    sandbox: RunningSandbox, start: Start, work: Work, fault: str, state: State, calls: int
) -> None:
    thread = start(f"Was gilt? !sandbox {fault}")
    work()
    answer = answer_of(thread)
    assert (answer.state, len(sandbox.app.requests)) == (state, calls)
    assert answer.error_code


@pytest.mark.usefixtures("impatient")
def test_passing_fault_is_overcome(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    sandbox.app.order("api_timeout_error", times=2)
    thread = start(QUESTION)
    work()
    answer = answer_of(thread)
    assert (answer.state, answer.attempts, answer.error_code) == (State.DONE, 3, "")


def test_between_two_tries_the_answer_waits(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    sandbox.app.order("rate_limit_error", retry_after=30)
    thread = start(QUESTION)
    work()
    answer = answer_of(thread)
    assert (answer.state, answer.error_code) == (State.WAITING, "rate_limit_error")
    assert answer.not_before
    assert answer.not_before > timezone.now() + timedelta(seconds=25)


def test_failed_answer_is_answered_when_asked_for_again(
    sandbox: RunningSandbox, start: Start, work: Work
) -> None:
    sandbox.app.order("content_filter_error")
    thread = start(QUESTION)
    work()
    answer_of(thread).reopen()
    work()
    assert answer_of(thread).state == State.DONE


def test_question_that_failed_does_not_go_along(
    sandbox: RunningSandbox, start: Start, ask: Ask, work: Work
) -> None:
    sandbox.app.order("content_filter_error")
    thread = start("Unfug")
    work()
    ask(thread, QUESTION)
    work()
    assert [message["content"] for message in sandbox.bodies[-1]["messages"]] == [QUESTION]


def test_what_was_put_anew_does_not_go_along(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    thread = start("Alt?")
    work()
    answering.ask_anew(thread.messages.get(position=1), QUESTION, uuid.uuid4())
    work()
    assert [message["content"] for message in sandbox.bodies[-1]["messages"]] == [QUESTION]


def test_oldest_exchanges_are_left_out_beyond_the_budget(
    sandbox: RunningSandbox, start: Start, ask: Ask, work: Work
) -> None:
    thread = start("eins " + "x" * 600)
    work()
    ask(thread, "zwei " + QUESTION)
    work()
    last_exchange = len("zwei " + QUESTION) + len(answer_of(thread, 4).content)
    with override_settings(HISTORY_CHARACTERS=last_exchange):
        ask(thread, "drei")
        work()
    sent = [message["content"][:4] for message in sandbox.bodies[-1]["messages"] if message["role"] == "user"]
    assert sent == ["zwei", "drei"]


def test_too_long_is_tried_once_more_with_a_shorter_history(
    sandbox: RunningSandbox, start: Start, ask: Ask, work: Work
) -> None:
    thread = start(QUESTION)
    work()
    ask(thread, "Und dann?")
    sandbox.app.order("length_finish_reason_error")
    with override_settings(HISTORY_CHARACTERS=len(QUESTION) + len(answer_of(thread).content)):
        work()
    assert [len(body["messages"]) for body in sandbox.bodies] == [1, 3, 1]
    assert answer_of(thread, 4).state == State.DONE


def test_too_long_without_a_history_is_final(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    sandbox.app.order("length_finish_reason_error")
    thread = start(QUESTION)
    work()
    answer = answer_of(thread)
    assert (answer.state, answer.error_code, len(sandbox.app.requests)) == (
        State.FAILED,
        "length_finish_reason_error",
        1,
    )


def test_answer_that_was_stored_meanwhile_is_not_fetched_again(
    sandbox: RunningSandbox, start: Start, work: Work
) -> None:
    answer = answer_of(start())
    answer.finish(content="Da.", sources=[])
    work()
    assert not sandbox.app.requests


def test_job_of_a_deleted_thread_leaves_quietly(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    start().delete()
    work()
    assert not sandbox.app.requests


@pytest.mark.parametrize("status", [200, 400])
async def test_answer_to_a_thread_that_is_deleted_meanwhile_leaves_quietly(
    start: Start, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    thread = await sync_to_async(start)(QUESTION)
    claim = await sync_to_async(claimed)()

    async def reply(request: httpx.Request) -> httpx.Response:
        await sync_to_async(thread.delete)()
        return httpx.Response(status, json={"content": "Zu spät."})

    async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
        await calling.answer(claim, http)
    await sync_to_async(connections.close_all)()
    assert "answer_gone" in actions(caplog)
    assert "answer_crashed" not in actions(caplog)


async def test_fault_of_ours_in_a_thread_that_is_deleted_meanwhile_ends_there(
    start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = await sync_to_async(start)(QUESTION)
    claim = await sync_to_async(claimed)()

    def broken(answer: Message) -> None:
        thread.delete()
        raise ZeroDivisionError

    monkeypatch.setattr(calling, "prepare", broken)
    async with httpx.AsyncClient() as http:
        await calling.answer(claim, http)
    await sync_to_async(connections.close_all)()
    assert "answer_crashed" in actions(caplog)


def claimed() -> Claim:
    worker = Worker()
    heartbeat(worker)
    claim = line.claim(worker)
    assert isinstance(claim, Claim)
    return claim


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "action", "") for record in caplog.records]


def test_fault_of_ours_ends_in_failed(
    sandbox: RunningSandbox, start: Start, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(claim: Claim, completion: Completion) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(calling, "store", broken)
    thread = start(QUESTION)
    work()
    answer = answer_of(thread)
    assert (answer.state, answer.error_code) == (State.FAILED, "internal_error")


def test_key_that_can_not_be_read_ends_in_failed(sandbox: RunningSandbox, start: Start, work: Work) -> None:
    thread = start(QUESTION)
    with override_settings(ENCRYPTION_KEYS=["b25seS1mb3ItdGVzdHMtb25seS1mb3ItdGVzdHMtISI="]):
        work()
    assert answer_of(thread).state == State.FAILED


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["", "!sandbox validation_error", "!sandbox truncated_json"])
def test_neither_text_nor_key_reaches_a_log(
    sandbox: RunningSandbox, start: Start, work: Work, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    for logger in ("", "httpx", "threads"):
        caplog.set_level(logging.DEBUG, logger)
    thread = start(f"Geheimwort Donnerstag? {fault}")
    work()
    logged = json.dumps([record.__dict__ for record in caplog.records], default=repr) + caplog.text
    assert "action=complete" in logged or "complete" in logged
    assert "Donnerstag" not in logged
    assert API_KEY not in logged
    assert answer_of(thread).content[:40] not in logged or not answer_of(thread).content


def test_fault_that_an_admin_must_mend_is_shown_to_admins_until_it_is(
    sandbox: RunningSandbox, start: Start, work: Work, admin: User, assistant: Assistant
) -> None:
    browser = Client()
    browser.force_login(admin)
    page = f"/admin/threads/assistant/{assistant.pk}/change/"
    sandbox.app.order("request_metadata_missing_or_incomplete")
    start(QUESTION)
    work()
    assert "Die Lizenz fehlt" in browser.get(page).content.decode()
    start(QUESTION)
    work()
    assert "Die Lizenz fehlt" not in browser.get(page).content.decode()
