"""Taking along a conversation, or one answer with its question: on paper, or as a file."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from threads import exports
from threads.exports import Document
from threads.models import Message, Thread
from threads.models.message import MessageQuerySet
from threads.views.request import Request


@require_safe
def thread_print(request: Request, thread_id: UUID) -> HttpResponse:
    return _page(request, _thread(request, thread_id), None)


@require_safe
def thread_markdown(request: Request, thread_id: UUID) -> HttpResponse:
    return _markdown(_thread(request, thread_id))


@require_safe
def thread_json(request: Request, thread_id: UUID) -> HttpResponse:
    return _json(_thread(request, thread_id))


@require_safe
def message_print(request: Request, message_id: UUID) -> HttpResponse:
    document = _exchange(request, message_id)
    return _page(request, document, document.exchanges[0].answer)


@require_safe
def message_markdown(request: Request, message_id: UUID) -> HttpResponse:
    return _markdown(_exchange(request, message_id))


@require_safe
def message_json(request: Request, message_id: UUID) -> HttpResponse:
    return _json(_exchange(request, message_id))


@require_safe
def message_text(request: Request, message_id: UUID) -> HttpResponse:
    """The answer alone, to be copied; shown where scripts do not copy."""
    document = _exchange(request, message_id)
    text = exports.as_text(document.exchanges[0])
    return _file(document, text, "text/plain", "txt", is_attachment=False)


@require_safe
def message_html(request: Request, message_id: UUID) -> HttpResponse:
    """The same for programs that show more than text: its headings, lists and tables as the page has them."""
    exchange = _exchange(request, message_id).exchanges[0]
    context = {"exchange": exchange, "answer": exchange.answer, "terms_of_use": exports.terms_of_use()}
    return render(request, "threads/copy.html", context)


def _thread(request: Request, thread_id: UUID) -> Document:
    visible = Thread.objects.visible_to(request.user).select_related("assistant")
    thread = get_object_or_404(visible, pk=thread_id)
    return Document(thread, exports.exchanges_of(_whole(thread.messages.current())))


def _exchange(request: Request, message_id: UUID) -> Document:
    message = get_object_or_404(Message.objects.visible_to(request.user), pk=message_id)
    exchanges = exports.exchanges_of(_whole(Message.objects.exchange_of(message)))
    return Document(exchanges[0].answer.thread, exchanges)


def _whole(messages: MessageQuerySet) -> MessageQuerySet:
    return messages.oldest_first().select_related("thread__assistant").prefetch_related("sources")


def _page(request: Request, document: Document, answer: Message | None) -> HttpResponse:
    context = {
        "document": document,
        "thread": document.thread,
        "answer": answer,
        "terms_of_use": exports.terms_of_use(),
        "digital_source_type": exports.DIGITAL_SOURCE_TYPE,
    }
    return render(request, "threads/print.html", context)


def _markdown(document: Document) -> HttpResponse:
    return _file(document, exports.as_markdown(document), "text/markdown", "md")


def _json(document: Document) -> HttpResponse:
    return _file(document, exports.as_json(document), "application/json", "json")


def _file(
    document: Document, text: str, content_type: str, ending: str, *, is_attachment: bool = True
) -> HttpResponse:
    disposition = content_disposition_header(is_attachment, f"{document.file_name}.{ending}")
    headers = {"Content-Disposition": disposition or "attachment"}
    return HttpResponse(text, f"{content_type}; charset=utf-8", headers=headers)
