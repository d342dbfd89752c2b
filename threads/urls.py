from django.urls import path

from threads.views import about, account, chat, health

app_name = "threads"

urlpatterns = [
    path("", chat.home, name="home"),
    path("assistants/<slug:slug>/", chat.assistant, name="assistant"),
    path("threads/", chat.threads, name="threads"),
    path("threads/<uuid:thread_id>/", chat.thread, name="thread"),
    path("threads/<uuid:thread_id>/messages/", chat.messages, name="messages"),
    path("messages/<uuid:message_id>/", chat.message, name="message"),
    path("messages/<uuid:message_id>/attempts/", chat.attempts, name="attempts"),
    path("messages/<uuid:message_id>/withdrawal/", chat.withdrawal, name="withdrawal"),
    path("account/language/", account.language, name="language"),
    path("account/preferences/", account.preferences, name="preferences"),
    path("notice/", account.notice, name="notice"),
    path("shortcuts/", about.shortcuts, name="shortcuts"),
    path("accessibility/", about.accessibility, name="accessibility"),
    # For machines; see also chatsite.middleware.answer_machines.
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
]
