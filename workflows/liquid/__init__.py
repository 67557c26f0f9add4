"""Liquid: templates, their filters and their limits."""
