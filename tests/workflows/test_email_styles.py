from workflows.email.styles import into_head, without_styles

DOCUMENT = '<html><head lang="en">\n<title>x</title></head><body></body></html>'


def test_style_sheets_are_taken_out_of_a_body_each_once() -> None:
    body = '<style>a { }</style><p>x</p><STYLE type="text/css">\nb > c { }</STYLE ><style>a { }</style>'
    assert without_styles(body) == ("<p>x</p>", ["<style>a { }</style>", '<STYLE type="text/css">\nb > c { }</STYLE >'])


def test_what_stands_in_a_comment_stays_there() -> None:
    body = "<!--[if mso]><style>a { }</style><![endif]--><p>x</p>"
    assert without_styles(body) == (body, [])


def test_what_only_looks_like_a_style_sheet_stays() -> None:
    body = "<styled>a</styled> <style>never closed &lt;style&gt;"
    assert without_styles(body) == (body, [])


def test_they_go_to_the_top_of_the_head() -> None:
    document = into_head(DOCUMENT, ["<style>a</style>", "<style>b</style>"])
    assert document == DOCUMENT.replace(">\n<title>", ">\n<style>a</style>\n<style>b</style>\n<title>")


def test_a_document_without_a_head_or_without_styles_is_left_alone() -> None:
    assert into_head("<header>x</header>", ["<style>a</style>"]) == "<header>x</header>"
    assert into_head(DOCUMENT, []) == DOCUMENT
