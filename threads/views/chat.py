"""Asking, and reading answers. Each function fetches through what is visible to the user: else 404."""

import contextlib
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from threads import answering, windows
from threads.answering.line import standing_of
from threads.answering.waking import Shown, read_token
from threads.forms import QuestionForm, WindowForm
from threads.models import Assistant, IllegalTransition, Message, Role, Thread
from threads.views.request import Request


@require_safe
def home(request: Request) -> HttpResponse:
    """Choose an assistant, or go on where one left off."""
    context = {"assistants": Assistant.objects.usable_by(request.user), "form": QuestionForm()}
    return render(request, "threads/home.html", context)


@require_http_methods(["GET", "POST"])
def assistant(request: Request, slug: str) -> HttpResponse:
    """A new conversation; its first question makes it a thread."""
    assistant = get_object_or_404(Assistant.objects.usable_by(request.user), slug=slug)
    form = QuestionForm(request.POST or None)
    if form.is_valid():
        try:
            thread = answering.start_thread(
                request.user, assistant, form.cleaned_data["content"], form.cleaned_data["client_token"]
            )
            return redirect("threads:thread", thread.pk)
        except answering.NotUsable:
            raise Http404 from None
        except answering.LimitReached as limit:
            form.add_error("content", str(limit))
    status = 422 if form.is_bound else 200
    return render(request, "threads/assistant.html", {"assistant": assistant, "form": form}, status=status)


@require_safe
def thread(request: Request, thread_id: UUID) -> HttpResponse:
    """The end of the conversation, or the part that is asked for; htmx gets that part alone."""
    thread = _visible_thread(request, thread_id)
    form = WindowForm(request.GET)
    asked_for = {name: pk for name, pk in form.cleaned_data.items() if pk} if form.is_valid() else {}
    visible = thread.messages.all()
    part = {name: get_object_or_404(visible, pk=pk) for name, pk in asked_for.items()}
    window = windows.window(thread.messages.current().for_display(), **part)
    if request.htmx:
        if not window.has_later:  # what had come while she was elsewhere
            thread.see()
        return render(request, "threads/_window.html", {"thread": thread, "window": window, **asked_for})
    if request.method == "GET":
        thread.see()
    return _thread_page(request, thread, QuestionForm(), window=window)


@require_http_methods(["GET", "POST"])
def messages(request: Request, thread_id: UUID) -> HttpResponse:
    """Take a question. htmx gets the question and its waiting answer, a form the page."""
    thread = _visible_thread(request, thread_id)
    if request.method == "GET":  # who reloads the page of a question that was refused
        return redirect("threads:thread", thread.pk)
    form = QuestionForm(request.POST)
    if not form.is_valid():
        return _refused(request, thread, form)
    try:
        answer = answering.ask(thread, form.cleaned_data["content"], form.cleaned_data["client_token"])
    except answering.Gone:
        raise Http404 from None
    except answering.NotUsable:
        return _thread_page(request, thread, QuestionForm(), status=409)
    except answering.LimitReached as limit:
        form.add_error("content", str(limit))
        return _refused(request, thread, form)
    if not request.htmx:
        return redirect(windows.place_of(answer.question or answer))
    return render(
        request, "threads/_exchange.html", {"exchange": windows.newly_asked(answer), "form": QuestionForm()}
    )


@require_safe
def message(request: Request, message_id: UUID) -> HttpResponse:
    """One message as a fragment; in the browser's own navigation its place in the conversation.

    What was put anew has none any more, but a page of its own.

    Nothing (204) for a waiting browser that shows the answer's present state; see `answering.waking`.
    """
    message = get_object_or_404(Message.objects.visible_to(request.user).for_display(), pk=message_id)
    if not request.htmx:
        if message.superseded_at:
            return _version_page(request, message)
        return redirect(windows.place_of(message))
    shown = read_token(request.GET.get("shown" if message.waits_behind else "wait", ""))
    if shown and shown == _shown_now(message):
        return HttpResponse(status=204)
    if not message.is_open:
        message.thread.see()
    return _message(request, message)


@require_POST
def attempts(request: Request, message_id: UUID) -> HttpResponse:
    """Try a failed answer again."""
    message = get_object_or_404(Message.objects.visible_to(request.user).answers(), pk=message_id)
    try:
        with contextlib.suppress(IllegalTransition):  # in another tab one was quicker: show what is now
            answering.retry(message)
    except answering.Gone:
        raise Http404 from None
    except answering.NotUsable:
        return _thread_page(request, message.thread, QuestionForm(), status=409)
    except answering.LimitReached as limit:
        return _not_now(request, message, str(limit))
    return _shown_again(request, message)


@require_POST
def withdrawal(request: Request, message_id: UUID) -> HttpResponse:
    """Stop a question while it waits."""
    message = get_object_or_404(Message.objects.visible_to(request.user).answers(), pk=message_id)
    with contextlib.suppress(IllegalTransition):  # a worker was quicker: show what is now
        message.stop()
    return _shown_again(request, message)


def _shown_again(request: Request, message: Message) -> HttpResponse:
    if not request.htmx:
        return redirect(windows.place_of(message))
    return _message(request, Message.objects.filter(pk=message.pk).for_display().get())


def _not_now(request: Request, answer: Message, refusal: str) -> HttpResponse:
    """Said at the answer that is not tried again: htmx gets its form, a form the page around it."""
    if request.htmx:
        answer.refusal = refusal
        return render(request, "threads/_again.html", {"message": answer}, status=422)
    window = windows.window(answer.thread.messages.current().for_display(), around=answer)
    for message in window.messages:
        if message == answer:
            message.refusal = refusal
    return _thread_page(request, answer.thread, QuestionForm(), status=422, window=window)


def _message(request: Request, message: Message) -> HttpResponse:
    if message.role == Role.USER:
        windows.count_questions(message.thread.messages.current(), [message])
    response = render(request, "threads/_message.html", {"message": message})
    # Wakes the answer behind this one, which does not wait on a connection of its own.
    return response if message.is_open else trigger_client_event(response, "answered", after="swap")


def _shown_now(message: Message) -> Shown:
    standing = standing_of(message)
    return Shown(message.pk, message.state, standing.place if standing else 0)


def _visible_thread(request: Request, thread_id: UUID) -> Thread:
    visible = Thread.objects.visible_to(request.user).select_related("assistant")
    return get_object_or_404(visible, pk=thread_id)


def _thread_page(
    request: Request,
    thread: Thread,
    form: QuestionForm,
    status: int = 200,
    window: windows.Window | None = None,
) -> HttpResponse:
    window = window or windows.window(thread.messages.current().for_display())
    context = {
        "thread": thread,
        "window": window,
        "form": form,
        "is_usable": thread.assistant.is_usable_by(request.user),
        "is_waiting": any(message.is_open for message in window.messages),
    }
    return render(request, "threads/thread.html", context, status=status)


def _version_page(request: Request, message: Message) -> HttpResponse:
    """A former version: its question, what was answered to it, and the way to the present one."""
    question, answer = Message.objects.exchange_of(message).for_display()
    later = message.thread.messages.current().filter(role=Role.USER, position__gt=question.position)
    # Only the last question is put anew: what follows a former version is the present one.
    context = {
        "thread": message.thread,
        "version": [question, answer],
        "present": later.oldest_first().first(),
    }
    return render(request, "threads/version.html", context)


def _refused(request: Request, thread: Thread, form: QuestionForm) -> HttpResponse:
    if not request.htmx:
        return _thread_page(request, thread, form, status=422)
    return render(request, "threads/_composer.html", {"thread": thread, "form": form}, status=422)
