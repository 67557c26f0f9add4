import pytest

from workflows.email.headers import header_value, is_one_address, mailbox


@pytest.mark.parametrize(
    ("rendered", "value"),
    [
        ("Hello\r\nBcc: eve@example.com", "Hello Bcc: eve@example.com"),
        ("Hello\nworld\n", "Hello world"),
        ("a\r\n\r\nb", "a b"),
        ("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\x00h", "a b c d e f g h"),
        ("  two  spaces stay ", "two  spaces stay"),
        ("é 🎉", "é 🎉"),
    ],
)
def test_a_header_value_is_one_line(rendered: str, value: str) -> None:
    assert header_value(rendered) == value


@pytest.mark.parametrize(
    ("name", "address", "value"),
    [
        ("Jane Doe", "jane@example.com", "Jane Doe <jane@example.com>"),
        ("Zoë", "zoe@example.com", "Zoë <zoe@example.com>"),
        ("Doe, Jane", "jane@example.com", '"Doe, Jane" <jane@example.com>'),
        ('Eve" <eve@example.com>', "jane@example.com", '"Eve\\" <eve@example.com>" <jane@example.com>'),
        ("", "jane@example.com", "jane@example.com"),
        ("Jane", "", ""),
    ],
)
def test_a_mailbox_quotes_its_name_where_needed(name: str, address: str, value: str) -> None:
    assert mailbox(name, address) == value


@pytest.mark.parametrize(
    ("value", "single"),
    [
        ("jane@example.com", True),
        ("Jane <jane@example.com>", True),
        ('"Doe, Jane" <jane@example.com>', True),
        ("jane@example.com, eve@example.com", False),
        ("jane@example.com,eve@example.com,", False),
    ],
)
def test_a_list_is_not_one_address(value: str, single: bool) -> None:
    assert is_one_address(value) is single
