"""Mandates, what is read under them, findings, and the log. Whoever has no right to a page gets 404."""
