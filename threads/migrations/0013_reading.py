# To find the few conversations in which an answer failed or was withdrawn, when auditors filter by that.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('threads', "0012_mandate_numbers"),
    ]

    operations = [
        migrations.AddIndex(
            model_name='message',
            index=models.Index(models.F('thread'), models.F('state'), condition=models.Q(('state__in', ['failed', 'stopped'])), name='message_without_answer'),
        ),
    ]
