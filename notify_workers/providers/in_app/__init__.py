"""In-app providers."""
