from workflows.errors import DocumentInvalid, Problem, TemplateError


def test_a_problem_reads_as_place_found_and_expected() -> None:
    problem = Problem("steps[0].settings.delay_for.unit", "fortnights", "one of days, weeks")
    assert str(problem) == "steps[0].settings.delay_for.unit: found 'fortnights', expected one of days, weeks"


def test_a_missing_value_is_found_as_nothing() -> None:
    assert str(Problem("name", None, "a name")) == "name: found nothing, expected a name"


def test_a_problem_of_the_whole_document_says_so_and_long_values_are_cut() -> None:
    text = str(Problem("", "x" * 500, "an object"))
    assert text.startswith("(document): found 'xxx")
    assert "…, expected an object" in text
    assert len(text) < 130


def test_an_invalid_document_lists_every_problem() -> None:
    error = DocumentInvalid("workflow `w`", [Problem("name", None, "a name"), Problem("steps", 1, "a list")])
    assert str(error) == (
        "workflow `w` has 2 problems:\n  name: found nothing, expected a name\n  steps: found 1, expected a list"
    )


def test_a_caret_stays_under_its_place_in_a_list_of_problems() -> None:
    error = DocumentInvalid("w", [Problem("subject", "{{ x", "valid Liquid; bad\n{{ x\n^")])
    assert str(error).splitlines()[2:] == ["    {{ x", "    ^"]


def test_a_template_error_names_template_line_and_column() -> None:
    error = TemplateError("unexpected tag", name="email_1/subject.txt", line=2, column=5, excerpt="{% x %}\n    ^")
    assert str(error) == "email_1/subject.txt, line 2, column 5: unexpected tag\n{% x %}\n    ^"
    assert error.detail == "line 2, column 5: unexpected tag\n{% x %}\n    ^"


def test_a_template_error_without_a_place_has_no_line() -> None:
    error = TemplateError("too deep", name="email_1/subject.txt")
    assert str(error) == "email_1/subject.txt: too deep"
    assert (error.line, error.column) == (None, None)
