from django.urls import path

from threads.models import Shelf
from threads.views import (
    about,
    account,
    chat,
    components,
    export_jobs,
    exports,
    feedback,
    health,
    search,
    threads,
    versions,
)
from threads.views.review import mandates

app_name = "threads"

urlpatterns = [
    path("", chat.home, name="home"),
    path("assistants/<slug:slug>/", chat.assistant, name="assistant"),
    path("threads/", threads.threads, name="threads"),
    path("threads/archived/", threads.threads, {"shelf": Shelf.ARCHIVED}, name="archived"),
    path("threads/deleted/", threads.threads, {"shelf": Shelf.DELETED}, name="deleted"),
    path("threads/<uuid:thread_id>/", threads.or_deleted(chat.thread), name="thread"),
    path("threads/<uuid:thread_id>/entry/", threads.entry, name="entry"),
    path("threads/<uuid:thread_id>/title/", threads.title, name="title"),
    path("threads/<uuid:thread_id>/shelf/", threads.shelf, name="shelf"),
    path("threads/<uuid:thread_id>/erasure/", threads.erasure, name="erasure"),
    path("threads/<uuid:thread_id>/messages/", chat.messages, name="messages"),
    path("threads/<uuid:thread_id>/print/", exports.thread_print, name="thread_print"),
    path("threads/<uuid:thread_id>/export.md", exports.thread_markdown, name="thread_markdown"),
    path("threads/<uuid:thread_id>/export.json", exports.thread_json, name="thread_json"),
    path("messages/<uuid:message_id>/", chat.message, name="message"),
    path("messages/<uuid:message_id>/attempts/", chat.attempts, name="attempts"),
    path("messages/<uuid:message_id>/withdrawal/", chat.withdrawal, name="withdrawal"),
    path("search/", search.search, name="search"),
    path("messages/<uuid:message_id>/versions/", versions.versions, name="versions"),
    path("messages/<uuid:message_id>/feedback/", feedback.feedback, name="feedback"),
    path("messages/<uuid:message_id>/print/", exports.message_print, name="message_print"),
    path("messages/<uuid:message_id>/export.md", exports.message_markdown, name="message_markdown"),
    path("messages/<uuid:message_id>/export.json", exports.message_json, name="message_json"),
    path("messages/<uuid:message_id>/export.txt", exports.message_text, name="message_text"),
    path("messages/<uuid:message_id>/export.html", exports.message_html, name="message_html"),
    path("account/language/", account.language, name="language"),
    path("account/preferences/", account.preferences, name="preferences"),
    path("account/access/", account.preferences, name="access"),
    path("exports/<uuid:export_id>/", export_jobs.export, name="export"),
    path("exports/<uuid:export_id>/attempts/", export_jobs.export_attempts, name="export_attempts"),
    path("exports/<uuid:export_id>/file/", export_jobs.export_file, name="export_file"),
    path("review/", mandates.review, name="review"),
    path("notice/", account.notice, name="notice"),
    path("shortcuts/", about.shortcuts, name="shortcuts"),
    path("accessibility/", about.accessibility, name="accessibility"),
    path("components/", components.components, name="components"),
    # For machines; see also chatsite.middleware.answer_machines.
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
]
