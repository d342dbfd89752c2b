"""Finding again what one asked, and what was answered."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from threads.forms import SearchForm
from threads.models import Message
from threads.search import find
from threads.views.request import Request


@require_safe
def search(request: Request) -> HttpResponse:
    """The page; htmx gets the results, those that follow, or the form with what is wrong in it."""
    form = SearchForm(request.user, request.GET)
    if "after" in form.errors:
        raise Http404
    if not form.is_valid():
        template = "threads/_search_form.html" if request.htmx else "threads/search.html"
        return render(request, template, {"form": form}, status=422)
    page = after = None
    if query := form.query:
        if form.cleaned_data["after"]:
            # Also where it is no longer to be seen: its time still says where to go on.
            mine = Message.objects.filter(thread__owner=request.user)
            after = get_object_or_404(mine, pk=form.cleaned_data["after"])
        page = find(request.user, query, after)
    template = "threads/_results.html" if request.htmx else "threads/search.html"
    return render(request, template, {"form": form, "page": page, "after": after})
