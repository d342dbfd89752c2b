from django.db import migrations, models

import threads.models.event


class Migration(migrations.Migration):
    dependencies = [("threads", "0010_append_only_log")]
    operations = [
        migrations.AddField(
            model_name="event",
            name="salt",
            field=models.CharField(default=threads.models.event.new_salt, max_length=32),
        ),
    ]
