import json
from pathlib import Path
from typing import Any

import pytest

from workflows.errors import DocumentInvalid
from workflows.files import read_layout, read_library, read_workflow


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def problems(directory: Path) -> list[tuple[str, object, str]]:
    with pytest.raises(DocumentInvalid) as caught:
        read_workflow(directory)
    return [(problem.path, problem.value, problem.expected) for problem in caught.value.problems]


def test_references_are_replaced_by_the_content_of_their_files(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"steps": [{"template": {"html_body@": "email_1/html_body.html"}}]})
    write(tmp_path / "email_1/html_body.html", "<p>é</p>\n")
    assert read_workflow(tmp_path) == {"steps": [{"template": {"html_body": "<p>é</p>\n"}}]}


def test_a_json_file_is_parsed_and_its_references_are_relative_to_itself(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"visual_blocks@": "email_1/visual_blocks.json"})
    write(tmp_path / "email_1/visual_blocks.json", [{"type": "markdown", "content@": "visual_blocks/1.content.md"}])
    write(tmp_path / "email_1/visual_blocks/1.content.md", "*Hi*")
    assert read_workflow(tmp_path) == {"visual_blocks": [{"type": "markdown", "content": "*Hi*"}]}


def test_a_reference_wins_over_a_field_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"subject@": "subject.txt", "subject": "old"})
    write(tmp_path / "subject.txt", "new")
    assert read_workflow(tmp_path) == {"subject": "new"}


def test_a_missing_file_is_a_problem_at_its_reference(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"steps": [{"template": {"html_body@": "email_1/html_body.html"}}]})
    place = "steps[0].template.html_body@"
    assert problems(tmp_path) == [(place, "email_1/html_body.html", "a file that exists")]


@pytest.mark.parametrize("reference", ["../secret.txt", "/etc/hostname", "email_1/../../secret.txt", "link.txt"])
def test_a_file_outside_of_the_directory_is_a_problem(tmp_path: Path, reference: str) -> None:
    write(tmp_path / "secret.txt", "secret")
    write(tmp_path / "welcome/workflow.json", {"subject@": reference})
    (tmp_path / "welcome/link.txt").symlink_to(tmp_path / "secret.txt")
    expected = "a file inside of the resource's directory"
    assert problems(tmp_path / "welcome") == [("subject@", reference, expected)]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"subject@": "."})
    assert problems(tmp_path) == [("subject@", ".", "a file that exists")]


@pytest.mark.parametrize("reference", [5, None, ["a"]])
def test_a_reference_that_is_no_path_is_a_problem(tmp_path: Path, reference: Any) -> None:
    write(tmp_path / "workflow.json", {"subject@": reference})
    assert problems(tmp_path) == [("subject@", reference, "the path of a file")]


def test_a_file_that_refers_back_to_itself_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"a@": "a.json"})
    write(tmp_path / "a.json", {"b@": "b.json"})
    write(tmp_path / "b.json", {"a@": "a.json"})
    assert problems(tmp_path) == [("a.b.a@", "a.json", "a file that does not refer back to itself")]


def test_broken_json_shows_file_line_column_and_caret(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", '{\n  "name": "Welcome",\n  "steps": [,]\n}')
    expected = 'valid JSON; line 3, column 13: Expecting value\n  "steps": [,]\n            ^'
    assert problems(tmp_path) == [("", "workflow.json", expected)]


def test_broken_json_in_a_referenced_file_names_that_file(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"visual_blocks@": "blocks.json"})
    write(tmp_path / "blocks.json", "[1 2]")
    expected = "valid JSON; line 1, column 4: Expecting ',' delimiter\n[1 2]\n   ^"
    assert problems(tmp_path) == [("visual_blocks@", "blocks.json", expected)]


def test_a_file_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"subject@": "subject.txt"})
    (tmp_path / "subject.txt").write_bytes(b"caf\xe9")
    [(path, value, expected)] = problems(tmp_path)
    assert (path, value) == ("subject@", "subject.txt")
    assert expected.startswith("a readable file in UTF-8: ")


def test_a_document_must_be_an_object(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", [1])
    assert problems(tmp_path) == [("", [1], "an object in workflow.json")]


def test_every_problem_of_a_directory_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"a@": "a.txt", "b": [{"c@": "../c.txt"}]})
    assert {path for path, _, _ in problems(tmp_path)} == {"a@", "b[0].c@"}


def test_a_layout_is_read_like_a_workflow(tmp_path: Path) -> None:
    write(tmp_path / "layout.json", {"html_layout@": "html_layout.html"})
    write(tmp_path / "html_layout.html", "{{ content }}")
    assert read_layout(tmp_path) == {"html_layout": "{{ content }}"}


def test_a_library_holds_the_directories_that_contain_a_resource(tmp_path: Path) -> None:
    write(tmp_path / "workflows/welcome/workflow.json", {"name": "Welcome"})
    write(tmp_path / "workflows/notes/readme.md", "not a workflow")
    write(tmp_path / "workflows/stray.json", {})
    write(tmp_path / "layouts/default/layout.json", {"name": "Default"})
    library = read_library(tmp_path)
    assert library.workflows == {"welcome": {"name": "Welcome"}}
    assert library.layouts == {"default": {"name": "Default"}}


def test_a_library_may_be_empty(tmp_path: Path) -> None:
    assert read_library(tmp_path).workflows == {}


def test_a_library_reports_the_problems_of_all_its_documents(tmp_path: Path) -> None:
    write(tmp_path / "workflows/one/workflow.json", {"a@": "a.txt"})
    write(tmp_path / "layouts/two/layout.json", "{")
    with pytest.raises(DocumentInvalid) as caught:
        read_library(tmp_path)
    assert [problem.path for problem in caught.value.problems] == [
        "workflows/one/workflow.json: a@",
        "layouts/two/layout.json: ",
    ]
