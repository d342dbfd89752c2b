"""A thumb on an answer, and what its user says about it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from threads import windows
from threads.forms import FeedbackForm
from threads.models import Feedback, Message, State
from threads.views.request import Request


@require_http_methods(["GET", "POST"])
def feedback(request: Request, message_id: UUID) -> HttpResponse:
    """Give feedback, change it, take it back. After a new thumb the form for a reason and a comment is open."""
    answers = Message.objects.visible_to(request.user).answers().filter(state=State.DONE)
    answer = get_object_or_404(answers.select_related("thread", "question"), pk=message_id)
    before = Feedback.objects.filter(message=answer).first()
    if request.method == "GET":
        return _shown(request, answer, FeedbackForm(initial=_as_given(before)))
    form = FeedbackForm(request.POST)
    if not form.is_valid():
        return _shown(request, answer, form, status=422)
    rating = form.cleaned_data["rating"]
    if not rating:
        if before:
            before.take_back()
        return _settled(request, answer, None, _("Your feedback is taken back."))
    words = {name: form.cleaned_data[name] for name in ("reason", "comment") if name in request.POST}
    stored = _("Thank you, your feedback is stored.")
    given = Feedback.objects.give(answer, rating, **words)
    if before and before.rating == rating:
        return _settled(request, answer, given, stored)
    if not request.htmx:
        messages.success(request, stored)
        return redirect("threads:feedback", answer.pk)
    return _shown(request, answer, FeedbackForm(initial=_as_given(given)), said=stored)


def _as_given(feedback: Feedback | None) -> dict[str, str]:
    if not feedback:
        return {}
    return {"rating": feedback.rating, "reason": feedback.reason, "comment": feedback.comment}


def _shown(
    request: Request, answer: Message, form: FeedbackForm, *, status: int = 200, said: str = ""
) -> HttpResponse:
    template = "threads/_feedback_said.html" if request.htmx else "threads/feedback.html"
    context = {"message": answer, "form": form, "rating": form["rating"].value(), "said": said}
    return render(request, template, context, status=status)


def _settled(request: Request, answer: Message, feedback: Feedback | None, said: str) -> HttpResponse:
    if not request.htmx:
        messages.success(request, said)
        return redirect(windows.place_of(answer))
    context = {"message": answer, "rating": feedback.rating if feedback else "", "said": said}
    return render(request, "threads/_feedback_said.html", context)
