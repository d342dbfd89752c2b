"""Putting the last question of a conversation anew: in other words, or once more."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import reswap, retarget

from threads import answering, windows
from threads.forms import QuestionForm
from threads.models import Message, Role
from threads.views.chat import exchange_of, for_display, place_of
from threads.views.request import Request


@require_http_methods(["GET", "POST"])
def versions(request: Request, message_id: UUID) -> HttpResponse:
    """The form in which the question is edited, and what becomes of it; without a text, it is asked once more."""
    questions = for_display(Message.objects.visible_to(request.user).filter(role=Role.USER))
    question = get_object_or_404(questions, pk=message_id)
    if request.method == "GET":
        return _edited(request, question, QuestionForm(initial={"content": question.content}))
    form = QuestionForm({"content": question.content} | request.POST.dict())
    if not form.is_valid():
        return _edited(request, question, form, status=422)
    if not question.thread.assistant.is_usable_by(request.user):
        form.add_error("content", gettext("You can no longer ask this assistant."))
        return _edited(request, question, form, status=409)
    text, client_token = form.cleaned_data["content"], form.cleaned_data["client_token"]
    try:
        answer = answering.ask_anew(question, text, client_token)
    except answering.LimitReached as limit:
        form.add_error("content", str(limit))
    except answering.NotTheLast:
        form.add_error("content", _not_the_last())
    else:
        return _asked(request, question, answer)
    return _edited(request, question, form, status=422)


def _not_the_last() -> str:
    return gettext(
        "Only the last question of a conversation can be edited or asked again, "
        "and only when none is waiting for its answer."
    )


def _edited(request: Request, question: Message, form: QuestionForm, status: int = 200) -> HttpResponse:
    """In the place of the question, also where a button under its answer was pressed."""
    if not request.htmx:
        context = {"question": question, "thread": question.thread, "form": form, "place": place_of(question)}
        return render(request, "threads/versions.html", context, status=status)
    windows.count_questions(question.thread.messages.current(), [question])
    context = {"message": question, "form": form, "place": place_of(question), "is_in_place": True}
    response = render(request, "threads/_editing.html", context, status=status)
    return reswap(retarget(response, f"#message-{question.pk}"), "outerHTML")


def _asked(request: Request, question: Message, answer: Message) -> HttpResponse:
    if not request.htmx:
        return redirect(place_of(answer.question or answer))
    context = {"exchange": exchange_of(answer), "former": question.answers.all()}
    return render(request, "threads/_exchange_anew.html", context)
