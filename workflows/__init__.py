"""The language: what a workflow means. Pure Python, no socket, no database, no clock, no Celery."""
