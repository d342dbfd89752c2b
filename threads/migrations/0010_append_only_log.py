"""Events are added, and neither changed nor removed.

This stops mistakes, and whoever reaches the database through the site. Who owns the table can switch the triggers off;
what is changed then no longer fits its chain: see `threads.models.event`.
"""

from django.db import migrations

REFUSE = """
CREATE FUNCTION refuse_to_change_the_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are neither changed nor removed' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE ON threads_event
    FOR EACH ROW EXECUTE FUNCTION refuse_to_change_the_log();
CREATE TRIGGER events_stay BEFORE TRUNCATE ON threads_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_log();
"""
ALLOW = """
DROP TRIGGER event_stays ON threads_event;
DROP TRIGGER events_stay ON threads_event;
DROP FUNCTION refuse_to_change_the_log();
"""


class Migration(migrations.Migration):
    dependencies = [("threads", "0009_review")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
