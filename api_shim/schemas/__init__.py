"""The wire's shapes, as types: what requests say and what answers show."""
