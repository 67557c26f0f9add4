import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.errors import DocumentInvalid
from workflows.file_writer import files_of
from workflows.files import (
    SOURCES,
    plain,
    read_layout,
    read_library,
    read_partial,
    read_workflow,
    write_layout,
    write_partial,
    write_translation,
    write_workflow,
)


def write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def tree(directory: Path) -> dict[str, bytes]:
    return {
        file.relative_to(directory).as_posix(): file.read_bytes() for file in directory.rglob("*") if file.is_file()
    }


def without_sources(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != SOURCES}


def problems(directory: Path) -> list[tuple[str, object, str]]:
    with pytest.raises(DocumentInvalid) as caught:
        read_workflow(directory)
    return [(problem.path, problem.value, problem.expected) for problem in caught.value.problems]


# Reading


def test_references_are_replaced_by_the_content_of_their_files(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"steps": [{"template": {"html_body@": "email_1/html_body.html"}}]})
    write(tmp_path / "email_1/html_body.html", "<p>é</p>\n")
    assert plain(read_workflow(tmp_path)) == {"steps": [{"template": {"html_body": "<p>é</p>\n"}}]}


def test_a_json_file_is_parsed_and_its_references_are_relative_to_itself(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"visual_blocks@": "email_1/visual_blocks.json"})
    write(tmp_path / "email_1/visual_blocks.json", [{"type": "markdown", "content@": "visual_blocks/1.content.md"}])
    write(tmp_path / "email_1/visual_blocks/1.content.md", "*Hi*")
    assert plain(read_workflow(tmp_path)) == {"visual_blocks": [{"type": "markdown", "content": "*Hi*"}]}


@pytest.mark.parametrize("name", ["json_body", "body", "payload_overrides", "json_overrides", "update_properties"])
def test_a_template_of_json_stays_text_even_in_a_json_file(tmp_path: Path, name: str) -> None:
    write(tmp_path / "workflow.json", {f"{name}@": "a.json"})
    write(tmp_path / "a.json", '{"items": {{ data.items | json }}  }\n')
    assert plain(read_workflow(tmp_path)) == {name: '{"items": {{ data.items | json }}  }\n'}


def test_the_ends_of_lines_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"text_body@": "a.txt"})
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\n")
    assert read_workflow(tmp_path)["text_body"] == "one\r\ntwo\n"


def test_the_json_files_are_kept_as_they_were_read(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", '{"visual_blocks@":"a/blocks.json"}')
    write(tmp_path / "a/blocks.json", "[ ]\n")
    sources = {"workflow.json": '{"visual_blocks@":"a/blocks.json"}', "a/blocks.json": "[ ]\n"}
    assert read_workflow(tmp_path) == {"visual_blocks": [], SOURCES: sources}


def test_a_reference_wins_over_a_field_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"subject@": "subject.txt", "subject": "old"})
    write(tmp_path / "subject.txt", "new")
    assert plain(read_workflow(tmp_path)) == {"subject": "new"}


def test_a_schema_of_data_may_name_properties_as_it_likes(tmp_path: Path) -> None:
    schema = {"properties": {"at@": {"type": "string"}}}
    write(tmp_path / "workflow.json", {"trigger_data_json_schema": schema})
    assert read_workflow(tmp_path)["trigger_data_json_schema"] == schema


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


def test_a_file_for_two_fields_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"a@": "a.txt", "b@": "./a.txt"})
    write(tmp_path / "a.txt", "a")
    assert problems(tmp_path) == [("b@", "./a.txt", "a file that no other field refers to")]


def test_broken_json_shows_file_line_column_and_caret(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", '{\n  "name": "Welcome",\n  "steps": [,]\n}')
    expected = 'valid JSON; line 3, column 13: Expecting value\n  "steps": [,]\n            ^'
    assert problems(tmp_path) == [("", "workflow.json", expected)]


def test_broken_json_in_a_referenced_file_names_that_file(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"visual_blocks@": "blocks.json"})
    write(tmp_path / "blocks.json", "[1 2]")
    expected = "valid JSON; line 1, column 4: Expecting ',' delimiter\n[1 2]\n   ^"
    assert problems(tmp_path) == [("visual_blocks@", "blocks.json", expected)]


def test_json_that_is_nested_without_end_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", "[" * 200_000)
    assert problems(tmp_path) == [("", "workflow.json", "JSON that is not nested so deeply")]


def test_a_file_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"subject@": "subject.txt"})
    (tmp_path / "subject.txt").write_bytes(b"caf\xe9")
    [(path, value, expected)] = problems(tmp_path)
    assert (path, value) == ("subject@", "subject.txt")
    assert expected.startswith("a readable file in UTF-8: ")


def test_characters_that_cannot_be_stored_are_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", '{"a": ["\\u0000"], "b": "\\ud800", "c@": "c.txt"}')
    write(tmp_path / "c.txt", "\x00")
    assert [path for path, _, _ in problems(tmp_path)] == ["a[0]", "b", "c@"]


def test_a_document_must_be_an_object(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", [1])
    assert problems(tmp_path) == [("", [1], "an object in workflow.json")]


def test_every_problem_of_a_directory_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"a@": "a.txt", "b": [{"c@": "../c.txt"}]})
    assert {path for path, _, _ in problems(tmp_path)} == {"a@", "b[0].c@"}


def test_layouts_and_partials_are_read_like_workflows(tmp_path: Path) -> None:
    write(tmp_path / "layout.json", {"html_layout@": "html_layout.html"})
    write(tmp_path / "html_layout.html", "{{ content }}")
    write(tmp_path / "partial.json", {"type": "json", "content@": "content.json"})
    write(tmp_path / "content.json", "{{ a | json }}")
    assert plain(read_layout(tmp_path)) == {"html_layout": "{{ content }}"}
    assert plain(read_partial(tmp_path)) == {"type": "json", "content": "{{ a | json }}"}


# A library


def test_a_library_holds_the_directories_that_contain_a_resource(tmp_path: Path) -> None:
    write(tmp_path / "workflows/welcome/workflow.json", {"name": "Welcome"})
    write(tmp_path / "workflows/notes/readme.md", "not a workflow")
    write(tmp_path / "workflows/stray.json", {})
    write(tmp_path / "layouts/default/layout.json", {"name": "Default"})
    write(tmp_path / "partials/footer/partial.json", {"name": "Footer"})
    library = read_library(tmp_path)
    assert {key: plain(each) for key, each in library.workflows.items()} == {"welcome": {"name": "Welcome"}}
    assert {key: plain(each) for key, each in library.layouts.items()} == {"default": {"name": "Default"}}
    assert {key: plain(each) for key, each in library.partials.items()} == {"footer": {"name": "Footer"}}


def test_a_library_may_be_empty(tmp_path: Path) -> None:
    assert read_library(tmp_path).workflows == {}


def test_a_library_reports_the_problems_of_all_its_documents(tmp_path: Path) -> None:
    write(tmp_path / "workflows/one/workflow.json", {"a@": "a.txt"})
    write(tmp_path / "layouts/two/layout.json", "{")
    write(tmp_path / "partials/three/partial.json", {"b@": "b.txt"})
    (tmp_path / "translations/en").mkdir(parents=True)
    (tmp_path / "translations/en/en.json").write_bytes(b"\xff")
    with pytest.raises(DocumentInvalid) as caught:
        read_library(tmp_path)
    assert [problem.path for problem in caught.value.problems] == [
        "workflows/one/workflow.json: a@",
        "layouts/two/layout.json: ",
        "partials/three/partial.json: b@",
        "translations/en/en.json",
    ]


def test_translations_are_known_by_locale_namespace_and_tenant(tmp_path: Path) -> None:
    for name in ("en/en.json", "en/admin.en.json", "en/admin~acme%2Fx.en.json", "fr-BE/~acme.fr-BE.json", "de/de.po"):
        write(tmp_path / "translations" / name, "{}")
    for ignored in ("en/system.en.json", "en/a.b.en.json", "en/fr.json", "en/en.yaml", "en/readme.md"):
        write(tmp_path / "translations" / ignored, "{}")
    found = read_library(tmp_path).translations
    assert sorted(found) == ["de", "en", "en/admin", "en/admin~acme/x", "fr-BE~acme"]
    assert without_sources(found["en/admin~acme/x"]) == {
        "locale_code": "en",
        "namespace": "admin",
        "tenant": "acme/x",
        "format": "json",
        "content": "{}",
    }
    assert found["de"]["format"] == "po"


def test_a_translation_in_two_files_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path / "translations/en/en.json", "{}")
    write(tmp_path / "translations/en/en.po", "")
    with pytest.raises(DocumentInvalid, match="one file for each translation"):
        read_library(tmp_path)


# Writing

EMAIL: dict[str, Any] = {
    "ref": "email_1",
    "type": "channel",
    "channel_key": "postmark",
    "template": {
        "subject": "Hi",
        "text_body": "Hi\r\n",
        "visual_blocks": [
            {"type": "divider"},
            {"type": "markdown", "content": "*Hi*"},
            {"type": "html", "content": "<b>"},
        ],
        "settings": {"layout_key": "default", "pre_content": "{% assign a = 1 %}"},
    },
}
WORKFLOW: dict[str, Any] = {"name": "Welcome", "steps": [EMAIL], "trigger_frequency": "every_trigger"}


def test_content_goes_where_the_cli_puts_it(tmp_path: Path) -> None:
    document = {**WORKFLOW, "__readonly": {"key": "welcome"}, "$schema": "https://schemas.knock.app/cli/workflow.json"}
    write_workflow(tmp_path, document)
    files = tree(tmp_path)
    assert files.keys() == {
        "workflow.json",
        "email_1/visual_blocks.json",
        "email_1/visual_blocks/2.content.md",
        "email_1/visual_blocks/3.content.html",
        "email_1/text_body.txt",
        "email_1/settings/pre_content.txt",
    }
    assert files["email_1/text_body.txt"] == b"Hi\r\n"
    assert files["workflow.json"].decode() == (
        '{\n  "name": "Welcome",\n  "steps": [\n    {\n      "channel_key": "postmark",\n      "ref": "email_1",\n'
        '      "template": {\n        "settings": {\n          "layout_key": "default",\n'
        '          "pre_content@": "email_1/settings/pre_content.txt"\n        },\n        "subject": "Hi",\n'
        '        "text_body@": "email_1/text_body.txt",\n        "visual_blocks@": "email_1/visual_blocks.json"\n'
        '      },\n      "type": "channel"\n    }\n  ],\n  "trigger_frequency": "every_trigger",\n'
        '  "__readonly": {\n    "key": "welcome"\n  },\n'
        '  "$schema": "https://schemas.knock.app/cli/workflow.json"\n}\n'
    )
    assert files["email_1/visual_blocks.json"].decode() == (
        '[\n  {\n    "type": "divider"\n  },\n'
        '  {\n    "type": "markdown",\n    "content@": "visual_blocks/2.content.md"\n  },\n'
        '  {\n    "type": "html",\n    "content@": "visual_blocks/3.content.html"\n  }\n]'
    )


@pytest.mark.parametrize(
    ("step", "paths"),
    [
        ({"ref": "sms_1", "template": {"text_body": "Hi"}}, {"sms_1/text_body.txt"}),
        ({"ref": "In_App", "template": {"markdown_body": "Hi"}}, {"in_app/markdown_body.md"}),
        ({"ref": "chat_1", "template": {"json_body": "{}"}}, {"chat_1/json_body.json"}),
        (
            {"ref": "push_1", "template": {"settings": {"payload_overrides": "{}"}}},
            {"push_1/settings/payload_overrides.json"},
        ),
        ({"ref": "email_1", "channel_overrides": {"json_overrides": "{}"}}, {"email_1/json_overrides.json"}),
        ({"ref": "http_fetch_1", "settings": {"body": '{"a": 1}'}}, {"http_fetch_1/body.json"}),
        ({"ref": "http_fetch_1", "settings": {"body": '{"a": {{ a }} }'}}, set()),
        ({"ref": "delay_1", "settings": {"delay_for": {"unit": "days", "value": 1}}}, set()),
        ({"ref": "../../x", "template": {"text_body": "Hi"}}, {"_.._x/text_body.txt"}),
        ({"ref": "workflow.json", "template": {"text_body": "Hi"}}, {"workflow.json_2/text_body.txt"}),
        (
            {"ref": "b", "branches": [{"steps": [{"ref": "sms_1", "template": {"text_body": "Hi"}}]}]},
            {"sms_1/text_body.txt"},
        ),
        (
            {"ref": "e", "cohort_branches": [{"steps": [{"ref": "sms_1", "template": {"text_body": "Hi"}}]}]},
            {"sms_1/text_body.txt"},
        ),
    ],
)
def test_every_field_has_its_default_place(step: dict[str, Any], paths: set[str]) -> None:
    assert files_of("workflow.json", {"steps": [step]}).keys() == {"workflow.json", *paths}


def test_layouts_and_partials_have_their_files_beside_them(tmp_path: Path) -> None:
    layout = {"name": "L", "html_layout": "{{ content }}", "text_layout": ""}
    write_layout(tmp_path / "l", layout)
    assert tree(tmp_path / "l").keys() == {"layout.json", "html_layout.html", "text_layout.txt"}
    assert plain(read_layout(tmp_path / "l")) == layout
    for kind, ending in (("html", "html"), ("markdown", "md"), ("text", "txt"), ("json", "json")):
        partial = {"name": "P", "type": kind, "content": "{}"}
        write_partial(tmp_path / kind, partial)
        assert tree(tmp_path / kind).keys() == {"partial.json", f"content.{ending}"}
        assert plain(read_partial(tmp_path / kind)) == partial


def test_a_tree_that_is_there_keeps_its_places_and_its_way_of_writing(tmp_path: Path) -> None:
    source = '{"steps": [{"template": {"subject@": "texts/Subject.txt", "html_body": "<p>"}, "ref": "email_1"}]}'
    write(tmp_path / "workflow.json", source)
    write(tmp_path / "texts/Subject.txt", "Old")
    document = {"steps": [{"ref": "email_1", "template": {"subject": "New", "html_body": "<p>"}}]}
    assert write_workflow(tmp_path, document) == ["texts/Subject.txt"]
    assert tree(tmp_path) == {"workflow.json": source.encode(), "texts/Subject.txt": b"New"}


def test_a_step_keeps_its_files_wherever_it_moves(tmp_path: Path) -> None:
    step = {"ref": "sms_1", "template": {"text_body": "Hi"}}
    write(tmp_path / "workflow.json", {"steps": [{"ref": "sms_1", "template": {"text_body@": "hello.txt"}}]})
    write(tmp_path / "hello.txt", "Hi")
    write_workflow(tmp_path, {"steps": [{"ref": "branch_1", "branches": [{"steps": [step]}]}]})
    assert tree(tmp_path).keys() == {"workflow.json", "hello.txt"}


def test_what_the_tree_no_longer_refers_to_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write_workflow(tmp_path, WORKFLOW)
    write(tmp_path / "readme.md", "mine")
    changed = write_workflow(tmp_path, {"name": "Welcome", "steps": []})
    assert tree(tmp_path).keys() == {"workflow.json", "readme.md"}
    assert not (tmp_path / "email_1").exists()
    assert "email_1/visual_blocks/2.content.md" in changed


def test_fields_that_the_document_names_files_for_go_into_those(tmp_path: Path) -> None:
    blocks = [{"type": "markdown", "content": "*Hi*", "content@": "b/one.md"}]
    template = {"visual_blocks": blocks, "visual_blocks@": "a/blocks.json", "subject": "Hi", "subject@": "a/s.txt"}
    write_workflow(tmp_path, {"steps": [{"ref": "email_1", "template": template}]})
    assert tree(tmp_path).keys() == {"workflow.json", "a/blocks.json", "a/b/one.md", "a/s.txt"}
    [step] = read_workflow(tmp_path)["steps"]
    assert step["template"] == {"visual_blocks": [{"type": "markdown", "content": "*Hi*"}], "subject": "Hi"}


@pytest.mark.parametrize("reference", ["../out.txt", "/out.txt", "workflow.json", "a/../../out.txt", "a\\b"])
def test_a_document_cannot_name_files_outside_of_its_directory(tmp_path: Path, reference: str) -> None:
    document = {"steps": [{"ref": "sms_1", "template": {"text_body": "Hi", "text_body@": reference}}]}
    write_workflow(tmp_path / "w", {**document, SOURCES: {"../x.json": "{}", "a.json": 5}})
    assert tree(tmp_path).keys() == {"w/workflow.json", "w/sms_1/text_body.txt"}


def test_a_link_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "w").mkdir()
    (tmp_path / "w/sms_1").symlink_to(tmp_path / "out")
    with pytest.raises(DocumentInvalid, match="inside of the resource's directory"):
        write_workflow(tmp_path / "w", {"steps": [{"ref": "sms_1", "template": {"text_body": "Hi"}}]})
    assert tree(tmp_path / "out") == {}


def test_steps_whose_names_differ_in_capitals_only_have_files_of_their_own() -> None:
    steps = [{"ref": ref, "template": {"text_body": ref}} for ref in ("sms_1", "SMS_1")]
    files = files_of("workflow.json", {"steps": steps})
    assert (files["sms_1/text_body.txt"], files["sms_1_2/text_body.txt"]) == ("sms_1", "SMS_1")


def test_json_values_that_only_look_alike_are_rewritten(tmp_path: Path) -> None:
    write(tmp_path / "workflow.json", {"a": 1})
    assert write_workflow(tmp_path, {"a": True}) == ["workflow.json"]
    assert read_workflow(tmp_path)["a"] is True


def test_a_translation_is_written_as_the_cli_writes_it(tmp_path: Path) -> None:
    assert write_translation(tmp_path, "en/admin", {"format": "json", "content": '{"a":"b"}'}) == ["en/admin.en.json"]
    assert tree(tmp_path) == {"en/admin.en.json": b'{\n  "a": "b"\n}\n'}
    assert write_translation(tmp_path, "en/admin", {"format": "json", "content": {"a": "b"}}) == []


def test_a_translation_keeps_its_own_way_of_writing(tmp_path: Path) -> None:
    write(tmp_path / "translations/en/en.json", '{"a":   "b"}')
    [(key, document)] = read_library(tmp_path).translations.items()
    write_translation(tmp_path / "empty", key, document)
    write_translation(tmp_path / "translations", key, {"content": '{"a":"b"}'})
    assert tree(tmp_path / "empty") == {"en/en.json": b'{"a":   "b"}'}
    assert tree(tmp_path / "translations") == {"en/en.json": b'{"a":   "b"}'}


def test_a_translation_that_changes_its_format_leaves_no_second_file(tmp_path: Path) -> None:
    write(tmp_path / "en/en.json", "{}")
    po = 'msgid "a"\nmsgstr "b"\n'
    assert write_translation(tmp_path, "en", {"format": "po", "content": po}) == ["en/en.po", "en/en.json"]
    assert tree(tmp_path) == {"en/en.po": po.encode()}


# There and back

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
NAMES = st.sampled_from(["name", "subject", "conditions", "settings", "template", "a b", "é", "__readonly", "$schema"])
CONTENTS = st.sampled_from(["html_body", "text_body", "markdown_body", "json_body", "body", "pre_content", "content"])
SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS
NODES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
BLOCKS = st.lists(
    st.fixed_dictionaries({"type": st.sampled_from(["markdown", "html", "divider"])}, optional={"content": TEXTS}),
    max_size=3,
)
TEMPLATES = st.fixed_dictionaries(
    {}, optional={"visual_blocks": BLOCKS, "settings": st.dictionaries(CONTENTS | NAMES, TEXTS, max_size=2)}
).flatmap(lambda fixed: st.dictionaries(CONTENTS, TEXTS | NODES, max_size=3).map(lambda more: {**more, **fixed}))


def steps(depth: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    more: dict[str, st.SearchStrategy[Any]] = {"template": TEMPLATES, "settings": TEMPLATES, "name": TEXTS}
    if depth:
        more["branches"] = st.lists(st.fixed_dictionaries({"steps": steps(depth - 1)}), max_size=2)
        more["cohort_branches"] = more["branches"]
    refs = st.sampled_from(["email_1", "Email_1", "sms_1", "workflow.json", "..", "é"]) | TEXTS
    return st.lists(st.fixed_dictionaries({"ref": refs}, optional=more), max_size=3)


DOCUMENTS = st.fixed_dictionaries({"steps": steps(2)}, optional={"name": TEXTS, "tags": NODES, "visual_blocks": NODES})


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp())
    try:
        yield path
    finally:
        shutil.rmtree(path)


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS)
def test_what_is_written_is_read_back_the_same(document: dict[str, Any]) -> None:
    with folder() as root:
        write_workflow(root, document)
        assert without_sources(read_workflow(root)) == document


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS, DOCUMENTS)
def test_writing_over_any_tree_leaves_only_the_new_document(old: dict[str, Any], new: dict[str, Any]) -> None:
    with folder() as root:
        write_workflow(root, old)
        write_workflow(root, new)
        read = read_workflow(root)
        assert without_sources(read) == new
        assert write_workflow(root, new) == []
        assert tree(root).keys() == files_of("workflow.json", read).keys()


@settings(deadline=None, max_examples=60)
@given(DOCUMENTS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_a_tree_that_is_read_and_written_is_the_same_to_the_byte(
    document: dict[str, Any], indent: Any, is_inline: bool
) -> None:
    with folder() as root:
        source = document if is_inline else json.loads(files_of("workflow.json", document)["workflow.json"])
        write_workflow(root / "there", document)
        write(root / "there/workflow.json", json.dumps(source, indent=indent))
        before = tree(root / "there")
        read = read_workflow(root / "there")
        stored = json.loads(json.dumps(read, sort_keys=True))
        assert write_workflow(root / "there", stored) == []
        write_workflow(root / "empty", stored)
        assert tree(root / "there") == before
        assert tree(root / "empty").items() <= before.items()
