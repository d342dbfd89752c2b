"""The rules of the budget: see `answering.budget`."""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION take_slot(
    p_connection bigint, p_second float8, p_minute float8, p_margin float8, OUT slot bigint, OUT wait float8
) LANGUAGE plpgsql AS $$
DECLARE
    present timestamptz;
    budget record;
    -- A worker that died may have sent its call, and not have said so: it had 30 s to send it.
    unsent CONSTANT interval := '30 seconds';
    full_until timestamptz;
    free_at timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('take_slot'), p_connection::int);
    present := clock_timestamp();
    SELECT requests_per_second, requests_per_minute, paused_until
        INTO budget FROM threads_connection WHERE id = p_connection;

    DELETE FROM threads_slot
        WHERE connection_id = p_connection
          AND granted_at < present - make_interval(secs => greatest(2 * p_minute, 360));  -- figures go back 5 min

    -- A window is full while the nth latest call is in it.
    free_at := coalesce(budget.paused_until, present);
    FOR full_until IN
        SELECT used.at + make_interval(secs => rule.seconds + p_margin)
        FROM (VALUES (budget.requests_per_second, p_second),
                     (budget.requests_per_minute, p_minute)) AS rule (calls, seconds)
        CROSS JOIN LATERAL (
            SELECT coalesce(sent_at, least(present, granted_at + unsent)) AS at
            FROM threads_slot WHERE connection_id = p_connection
            ORDER BY at DESC OFFSET rule.calls - 1 LIMIT 1
        ) AS used
    LOOP
        free_at := greatest(free_at, full_until);
    END LOOP;

    wait := greatest(extract(epoch FROM free_at - present), 0);
    IF wait = 0 THEN
        INSERT INTO threads_slot (connection_id, granted_at) VALUES (p_connection, present) RETURNING id INTO slot;
    END IF;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("threads", "0003_budget_and_workers")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION take_slot(bigint, float8, float8, float8)"),
    ]
