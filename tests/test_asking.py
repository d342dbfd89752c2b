import uuid
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group

from tests.conftest import answer_of, in_another_connection
from threads import answering
from threads.models import Assistant, IllegalTransition, Message, Role, Shelf, State, Thread, User

Start = Callable[..., Thread]
Ask = Callable[[Thread, str], Message]


def test_question_and_waiting_answer_are_stored_together(start: Start) -> None:
    thread = start("Was gilt?")
    question, answer = thread.messages.oldest_first()
    assert (question.role, question.state, question.content) == (Role.USER, State.DONE, "Was gilt?")
    assert (answer.role, answer.state, answer.question) == (Role.ASSISTANT, State.WAITING, question)


def test_nothing_is_stored_of_half_a_question(
    asker: User, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(answer: Message, state: State) -> None:
        raise RuntimeError

    monkeypatch.setattr("threads.answering.asking.announce", broken)
    with pytest.raises(RuntimeError):
        answering.start_thread(asker, assistant, "Was gilt?", uuid.uuid4())
    assert not Thread.objects.exists()
    assert not Message.objects.exists()


def test_first_question_sent_twice_makes_one_thread(start: Start) -> None:
    token = uuid.uuid4()
    assert start(client_token=token) == start(client_token=token)
    assert Message.objects.count() == 2


def test_question_sent_twice_is_asked_once(start: Start) -> None:
    thread, token = start(), uuid.uuid4()
    assert answering.ask(thread, "Und dann?", token) == answering.ask(thread, "Und dann?", token)
    assert thread.messages.count() == 4


def test_same_token_of_another_user_is_another_thread(start: Start, colleague: User) -> None:
    token = uuid.uuid4()
    assert start(client_token=token) != start(client_token=token, owner=colleague)


def test_messages_stand_in_the_order_asked(start: Start, ask: Ask) -> None:
    thread = start("eins")
    ask(thread, "zwei")
    ask(thread, "drei")
    contents = list(thread.messages.oldest_first().values_list("position", "content"))
    assert contents == [(1, "eins"), (2, ""), (3, "zwei"), (4, ""), (5, "drei"), (6, "")]


def test_title_is_the_first_question_shortened_at_a_word(start: Start) -> None:
    title = start("Welche  Frist\n" + "gilt " * 40).title
    assert title.startswith("Welche Frist gilt gilt")
    assert title.endswith("gilt …")
    assert len(title) <= 80


def test_failed_answer_can_be_asked_for_again(start: Start) -> None:
    answer = answer_of(start())
    answer.fail("api_error")
    answer.reopen()
    assert (answer.state, answer.error_code, answer.failures) == (State.WAITING, "", 0)


@pytest.mark.parametrize("state", [State.WAITING, State.ANSWERING, State.DONE])
def test_only_an_answer_that_ended_without_success_is_asked_for_again(start: Start, state: State) -> None:
    answer = answer_of(start())
    Message.objects.filter(pk=answer.pk).update(state=state)
    with pytest.raises(IllegalTransition):
        answer.reopen()


def test_of_two_who_finish_an_answer_one_does(start: Start) -> None:
    answer = answer_of(start())
    same = Message.objects.get(pk=answer.pk)
    answer.finish(content="eins", sources=[])
    with pytest.raises(IllegalTransition):
        same.finish(content="zwei", sources=[])
    with pytest.raises(IllegalTransition):
        same.fail("api_error")
    answer.refresh_from_db()
    assert (answer.state, answer.content) == (State.DONE, "eins")


def test_nothing_is_asked_in_a_conversation_that_was_deleted(start: Start, ask: Ask) -> None:
    thread, token = start(), uuid.uuid4()
    stale = Thread.objects.get(pk=thread.pk)
    thread.move(Shelf.DELETED)
    with pytest.raises(answering.Gone):
        answering.ask(stale, "Und dann?", token)
    with pytest.raises(answering.Gone):
        answering.ask_anew(stale.messages.get(position=1), "Anders?", token)
    thread.delete()
    with pytest.raises(answering.Gone):
        answering.ask(stale, "Und dann?", token)
    assert not Message.objects.filter(client_token=token).exists()


def test_form_sent_once_more_after_its_conversation_was_deleted_asks_in_a_new_one(start: Start) -> None:
    first = start("Was gilt?")
    first.move(Shelf.DELETED)
    second = start("Was gilt?", client_token=first.client_token)
    again = start("Was gilt?", client_token=first.client_token)
    assert second.pk != first.pk
    assert again.pk == second.pk
    assert second.messages.get(position=1).content == "Was gilt?"


@pytest.mark.parametrize("way", ["wait_again", "hand_back"])
def test_what_is_being_answered_in_a_deleted_conversation_is_not_tried_again(start: Start, way: str) -> None:
    thread = start()
    answer = answer_of(thread)
    answer.begin()
    thread.move(Shelf.DELETED)
    answer.wait_again("api_error", 1) if way == "wait_again" else answer.hand_back()
    answer.refresh_from_db()
    assert answer.state == State.STOPPED


def test_assistant_that_is_not_for_the_user_is_not_asked(
    asker: User, assistant: Assistant, start: Start, ask: Ask
) -> None:
    thread = start()
    question, answer = thread.messages.oldest_first()
    answer.fail("api_error")
    assistant.groups.add(Group.objects.create(name="HR"))
    for do in (
        lambda: start("Eine andere?"),
        lambda: ask(thread, "Und dann?"),
        lambda: answering.ask_anew(question, "Anders?", uuid.uuid4()),
        lambda: answering.retry(answer),
    ):
        with pytest.raises(answering.NotUsable):
            do()
    assert list(Message.objects.oldest_first()) == [question, answer]
    assert not Message.objects.open().exists()


@pytest.mark.django_db(transaction=True)
def test_question_under_way_while_its_conversation_is_deleted_is_withdrawn(
    start: Start, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, others = start(), []

    def delete_meanwhile(owner: User) -> None:
        others.append(in_another_connection(lambda: Thread.objects.get().move(Shelf.DELETED)))

    monkeypatch.setattr("threads.answering.asking._check_limits", delete_meanwhile)
    ask(thread, "Und dann?")
    [(deleting, errors)] = others
    deleting.join()
    assert errors == []
    assert Thread.objects.get().shelf == Shelf.DELETED
    assert not Message.objects.open().exists()
