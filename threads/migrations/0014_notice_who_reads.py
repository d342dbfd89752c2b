from importlib import import_module

from django.db import migrations

# The wording that a site begins with, since others may read under a mandate. Whoever published a text of her own keeps it.
GERMAN = """Die Antworten hier schreibt eine künstliche Intelligenz (KI). Sie können Fehler enthalten. Prüfen Sie die \
Quellen, bevor Sie sich auf eine Antwort verlassen.

Gespeichert werden Ihre Fragen, die Antworten mit ihren Quellen, Ihre Rückmeldungen und die Zeitpunkte. An den \
Dienst, der antwortet, gehen Ihre Fragen mit einem Pseudonym, nicht mit Ihrem Namen.

Ihre Unterhaltungen sehen nur Sie selbst, mit einer Ausnahme: Prüfer dürfen Unterhaltungen lesen, soweit ein \
freigegebener Prüfauftrag es ihnen erlaubt. Jedes Lesen wird protokolliert. Wer wann welche Ihrer Unterhaltungen \
gelesen hat und wozu, sehen Sie im Menü „Konto“ unter „Wer hat gelesen“. Ein Prüfauftrag kann bestimmen, dass Sie das \
erst nach seinem Ende erfahren.

Was gespeichert wird, wie lange, und wer es lesen kann, steht im Datenblatt am Fuß jeder Seite. Unter „Meine \
Daten“ im Menü „Konto“ können Sie alles mitnehmen oder löschen.

Geben Sie keine Daten ein, die für die Frage nicht nötig sind, insbesondere keine Namen und keine \
Gesundheitsdaten."""
ENGLISH = """The answers here are written by an artificial intelligence (AI). They may contain mistakes. Check the \
sources before you rely on an answer.

What is stored: your questions, the answers with their sources, your feedback, and the times. Your questions go to the \
service that answers them under a pseudonym, not under your name.

Only you see your conversations, with one exception: auditors may read conversations as far as a mandate that has been \
released allows it. Each reading is logged. Who has read which of your conversations, when and why, you see in the menu \
“Account” under “Who has read”. A mandate may say that you are told only when it has ended.

What is stored, how long, and who can read it, is in the data sheet at the foot of each page. Under “My data” in the \
menu “Account” you can take everything along, or erase it.

Do not enter data that the question does not need, above all no names and no data about anyone's health."""


def add(apps, schema_editor):
    first = import_module("threads.migrations.0006_first_notice")
    notices = apps.get_model("threads", "Notice").objects
    in_force = notices.order_by("-version").first()
    if in_force and (in_force.version, in_force.german, in_force.english) == (1, first.GERMAN, first.ENGLISH):
        notices.create(version=2, german=GERMAN, english=ENGLISH)


class Migration(migrations.Migration):
    dependencies = [("threads", "0013_reading")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
