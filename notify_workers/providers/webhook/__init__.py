"""Webhook providers: requests to somebody's own service."""
