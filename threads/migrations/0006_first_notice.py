from django.db import migrations

# The wording that a site begins with; admins publish their own as the next version.
GERMAN = """Die Antworten hier schreibt eine künstliche Intelligenz (KI). Sie können Fehler enthalten. Prüfen Sie die \
Quellen, bevor Sie sich auf eine Antwort verlassen.

Gespeichert werden Ihre Fragen, die Antworten mit ihren Quellen, Ihre Rückmeldungen und die Zeitpunkte. Ihre \
Unterhaltungen sehen nur Sie selbst. An den Dienst, der antwortet, gehen Ihre Fragen mit einem Pseudonym, nicht \
mit Ihrem Namen.

Geben Sie keine Daten ein, die für die Frage nicht nötig sind, insbesondere keine Namen und keine \
Gesundheitsdaten."""
ENGLISH = """The answers here are written by an artificial intelligence (AI). They may contain mistakes. Check the \
sources before you rely on an answer.

What is stored: your questions, the answers with their sources, your feedback, and the times. Only you see your \
conversations. Your questions go to the service that answers them under a pseudonym, not under your name.

Do not enter data that the question does not need, above all no names and no data about anyone's health."""


def add(apps, schema_editor):
    apps.get_model("threads", "Notice").objects.create(version=1, german=GERMAN, english=ENGLISH)


class Migration(migrations.Migration):
    dependencies = [("threads", "0005_conversations")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
