"""Kinds of columns, and the metadata that all tables belong to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData()


def table(name: str, *columns: Column[object]) -> Table:
    return Table(name, metadata, *columns)


def time(name: str, *, required: bool = True) -> Column[object]:
    return Column(name, TIMESTAMP(timezone=True), nullable=not required)


def text(name: str, *, required: bool = True, key: bool = False) -> Column[object]:
    return Column(name, Text, nullable=not required, primary_key=key)


def uuid(name: str, *, required: bool = True, key: bool = False) -> Column[object]:
    return Column(name, Uuid, nullable=not required, primary_key=key)


def json(name: str, *, required: bool = True) -> Column[object]:
    return Column(name, JSONB, nullable=not required)


def number(name: str, *, key: bool = False) -> Column[object]:
    return Column(name, BigInteger, nullable=False, primary_key=key)
