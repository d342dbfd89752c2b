"""What goes along with a question: the endpoint keeps no state (completions-api.md, Endpoint)."""

from threads.completions import MAX_CONTENT_CHARACTERS, RequestMessage
from threads.models import Message, State


def messages_for(answer: Message, *, characters: int) -> list[RequestMessage]:
    """The conversation up to the question of `answer`, which comes last.

    Earlier questions go along with their answers, the newest of them, as long as they have no more than
    `characters` together. A question without an answer is left out: what made it fail might do so again.
    """
    answered = (
        Message.objects.filter(thread=answer.thread_id, position__lt=answer.position, state=State.DONE)
        .answers()
        .current()
        .order_by("-position")
        .values_list("question__content", "content")
    )
    exchanges: list[tuple[str, str]] = []
    for question, text in answered.iterator(chunk_size=20):
        characters -= len(question) + len(text)
        if characters < 0 or len(text) > MAX_CONTENT_CHARACTERS:
            break
        exchanges.append((question, text))
    messages = []
    for question, text in reversed(exchanges):
        messages.append(RequestMessage(role="user", content=question))
        messages.append(RequestMessage(role="assistant", content=text, sources=[]))
    assert answer.question  # noqa: S101 a constraint of the model
    return [*messages, RequestMessage(role="user", content=answer.question.content)]
