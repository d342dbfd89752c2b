"""Finding again what one asked, and what was answered."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe
from django_htmx.http import retarget

from threads.forms import SearchForm
from threads.models import Message
from threads.search import AlreadySearching, GaveUp, find
from threads.views.request import Request


@require_safe
def search(request: Request) -> HttpResponse:
    """The page; htmx gets the results, those that follow, or the form with what is wrong in it."""
    form = SearchForm(request.user, request.GET)
    if "after" in form.errors:
        raise Http404
    if not form.is_valid():
        return _refused(request, form, status=422)
    page = after = None
    if query := form.query:
        if form.cleaned_data["after"]:
            # Also where it is no longer to be seen: its time still says where to go on.
            mine = Message.objects.filter(thread__owner=request.user)
            after = get_object_or_404(mine, pk=form.cleaned_data["after"])
        try:
            page = find(request.user, query, after)
        except GaveUp:
            form.add_error(
                "q", gettext("The search took too long. Please search for something more precise.")
            )
            return _refused(request, form, status=503)
        except AlreadySearching:
            form.add_error("q", gettext("Your last search is still running. Please try again in a moment."))
            return _refused(request, form, status=429)
    template = "threads/_results.html" if request.htmx else "threads/search.html"
    return render(request, template, {"form": form, "page": page, "after": after})


def _refused(request: Request, form: SearchForm, status: int) -> HttpResponse:
    """What is wrong stands at the field: of fragments, only a form that comes back with 422 gets there."""
    if not request.htmx:
        return render(request, "threads/search.html", {"form": form}, status=status)
    response = render(request, "threads/_search_form.html", {"form": form}, status=422)
    return retarget(response, "#search")  # also where further results were asked for, from elsewhere
