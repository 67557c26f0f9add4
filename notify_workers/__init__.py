"""The engine: Celery tasks and the drivers that do what the language asks for."""
