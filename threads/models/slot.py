from django.db import models

from threads.models.connection import Connection


class Slot(models.Model):
    """The moment at which one call may start: a connection's budget is what its slots leave of its limits.

    Made by the function `take_slot` in the database, and by the database's clock alone. A slot that was
    granted and not yet used counts as one of now: only what was sent grows older.
    """

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="slots")
    granted_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    error_code = models.CharField(
        max_length=100, blank=True, db_default="", help_text="How the call ended, if badly; for figures."
    )

    class Meta:
        indexes = (models.Index("connection", "granted_at", name="slot_budget"),)

    def __str__(self) -> str:
        return f"{self.connection_id} {self.granted_at}"
