"""Putting the last question of a conversation anew: in other words, or once more."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import reswap, retarget

from threads import answering, windows
from threads.forms import QuestionForm
from threads.models import Message, Role
from threads.views.request import Request


@require_http_methods(["GET", "POST"])
def versions(request: Request, message_id: UUID) -> HttpResponse:
    """The form in which the question is edited, and what becomes of it; without a text, it is asked once more."""
    questions = Message.objects.visible_to(request.user).filter(role=Role.USER).for_display()
    question = get_object_or_404(questions, pk=message_id)
    if request.method == "GET":
        return _edited(request, question, QuestionForm(initial={"content": question.content}))
    form = QuestionForm({"content": question.content} | request.POST.dict())
    if not form.is_valid():
        return _edited(request, question, form, status=422)
    text, client_token = form.cleaned_data["content"], form.cleaned_data["client_token"]
    try:
        answer = answering.ask_anew(question, text, client_token)
    except answering.Gone:
        raise Http404 from None
    except answering.NotUsable:
        form.add_error("content", gettext("You can no longer ask this assistant."))
        return _edited(request, question, form, status=409)
    except answering.LimitReached as limit:
        form.add_error("content", str(limit))
    except answering.NotTheLast:
        form.add_error("content", _not_the_last())
    else:
        return _asked(request, question, answer)
    return _edited(request, question, form, status=422)


def _not_the_last() -> ValidationError:
    """What was shown as the last question is so no longer: asked on was in another tab."""
    return ValidationError(gettext("This conversation has gone on in the meantime."), code="outdated")


def _edited(request: Request, question: Message, form: QuestionForm, status: int = 200) -> HttpResponse:
    """In the place of the question, also where a button under its answer was pressed."""
    is_outdated = form.has_error("content", "outdated")
    if not request.htmx:
        context = {
            "question": question,
            "thread": question.thread,
            "form": form,
            "place": windows.place_of(question),
            "is_outdated": is_outdated,
        }
        return render(request, "threads/versions.html", context, status=status)
    windows.count_questions(question.thread.messages.current(), [question])
    context = {
        "message": question,
        "form": form,
        "place": windows.place_of(question),
        "is_in_place": True,
        "is_outdated": is_outdated,
    }
    response = render(request, "threads/_editing.html", context, status=status)
    return reswap(retarget(response, f"#message-{question.pk}"), "outerHTML")


def _asked(request: Request, question: Message, answer: Message) -> HttpResponse:
    if not request.htmx:
        return redirect(windows.place_of(answer.question or answer))
    context = {"exchange": windows.newly_asked(answer), "former": question.answers.all()}
    return render(request, "threads/_exchange_anew.html", context)
