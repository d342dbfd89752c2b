"""One's conversations: the list, and what one does with a conversation as a whole."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from threads import erasing, listing
from threads.forms import PageForm, ShelfForm, TitleForm
from threads.models import Shelf, Thread
from threads.models.thread import MOST_PINNED, UNDO_DAYS, TooManyPinned
from threads.undo import undo_tag
from threads.views.request import Request

SIDE_BAR_MORE = "side-bar-more"  # id of what the next page takes the place of


@require_safe
def threads(request: Request, shelf: str = Shelf.LISTED) -> HttpResponse:
    """Those on one shelf, newest first, page by page. htmx gets what follows, for the end of the list."""
    kept = Thread.objects.kept_for(request.user)
    form = PageForm(request.GET)
    before = None
    if form.is_valid() and form.cleaned_data["before"]:
        before = get_object_or_404(kept, pk=form.cleaned_data["before"])
    here_id = form.cleaned_data.get("here")  # stands on top of the side bar that was not to show it yet
    page = listing.page_of(kept.exclude(pk=here_id) if here_id else kept, Shelf(shelf), before)
    if request.htmx:
        in_side_bar = request.htmx.target == SIDE_BAR_MORE
        context = {"page": page, "in_side_bar": in_side_bar, "here_id": here_id}
        return render(request, "threads/_threads.html", context)
    context = {"page": page, "before": before, "undo_days": UNDO_DAYS}
    if page.shelf == Shelf.DELETED:
        context["held_count"] = Thread.objects.filter(owner=request.user).past_undoing().held().count()
    return render(request, "threads/threads.html", context)


def or_deleted(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Whoever goes back to a page of hers that she has deleted is offered to bring it back."""

    @wraps(page)
    def page_or_deleted(request: Request, thread_id: UUID) -> HttpResponse:
        try:
            return page(request, thread_id)
        except Http404:
            deleted = Thread.objects.kept_for(request.user).on(Shelf.DELETED).filter(pk=thread_id).first()
            if request.htmx or deleted is None or deleted.deleted_at is None:
                raise
            context = {"deleted": deleted, "until": deleted.deleted_at + timedelta(days=UNDO_DAYS)}
            return render(request, "threads/deleted.html", context, status=404)

    return page_or_deleted


@require_safe
def entry(request: Request, thread_id: UUID) -> HttpResponse:
    """One conversation as the side bar shows it, which asks while an answer is to come."""
    visible = Thread.objects.visible_to(request.user).with_waiting()
    thread = get_object_or_404(visible, pk=thread_id)
    return render(request, "threads/_entry.html", {"thread": thread, "in_side_bar": True})


@require_http_methods(["GET", "POST"])
def title(request: Request, thread_id: UUID) -> HttpResponse:
    """Rename it, in place."""
    thread = get_object_or_404(Thread.objects.visible_to(request.user), pk=thread_id)
    form = TitleForm(request.POST or None, initial={"title": thread.title})
    is_cancelled = "cancel" in request.POST
    if is_cancelled or form.is_valid():
        if not is_cancelled:
            thread.rename(form.cleaned_data["title"])
        if not request.htmx:
            return redirect(thread)
        return render(request, "threads/_title.html", {"thread": thread, "renamed": not is_cancelled})
    template = "threads/_title_form.html" if request.htmx else "threads/title.html"
    return render(request, template, {"thread": thread, "form": form}, status=422 if form.is_bound else 200)


@require_POST
def shelf(request: Request, thread_id: UUID) -> HttpResponse:
    """Pin, archive, delete, and take it back: put the conversation on another shelf."""
    thread = get_object_or_404(Thread.objects.kept_for(request.user), pk=thread_id)
    form = ShelfForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    now = form.cleaned_data["to"]
    try:
        before = thread.move(now)
    except Thread.DoesNotExist:
        raise Http404 from None
    except TooManyPinned:
        text = _("At most %(count)s conversations can be pinned. Unpin another one first.")
        messages.error(request, text % {"count": MOST_PINNED})
        return redirect(thread)
    if now in (Shelf.PINNED, Shelf.LISTED):
        messages.success(request, _said(before, now))
        return redirect(thread)
    # The way back goes along with the message; see _messages.html.
    way_back = undo_tag(thread, before) if before != now else ""
    messages.success(request, _said(before, now), extra_tags=way_back)
    return redirect(form.cleaned_data["next"])


@require_POST
def erasure(request: Request, thread_id: UUID) -> HttpResponse:
    """For good; only what was deleted before. What is held is out of her sight, and erased later."""
    deleted = get_object_or_404(Thread.objects.kept_for(request.user).on(Shelf.DELETED), pk=thread_id)
    try:
        is_erased = erasing.remove_for_good(deleted, request.user)
    except Thread.DoesNotExist:
        raise Http404 from None
    if is_erased:
        messages.success(request, _("The conversation has been removed for good."))
    else:
        text = _(
            "The conversation is under a legal hold: a review needs it. It can no longer be brought back, and is "
            "erased as soon as the hold has ended."
        )
        messages.warning(request, text)
    return redirect("threads:deleted")


def _said(before: Shelf, now: Shelf) -> str:
    if now == Shelf.LISTED:
        return {
            Shelf.PINNED: _("The conversation is no longer pinned."),
            Shelf.ARCHIVED: _("The conversation is back in the list."),
            Shelf.DELETED: _("The conversation has been brought back."),
            Shelf.LISTED: _("The conversation is in the list."),
        }[before]
    return {
        Shelf.PINNED: _("The conversation has been pinned."),
        Shelf.ARCHIVED: _("The conversation has been archived."),
        Shelf.DELETED: _("The conversation has been deleted."),
    }[now]
