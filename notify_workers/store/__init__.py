"""Rows: one file per noun. PostgreSQL is where everything is true that must not be lost."""
