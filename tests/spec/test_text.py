import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gudspec.spec.diagnostics import Diagnostic, Source
from gudspec.spec.text import decode, parse
from gudspec.spec.tree import Mapping, Scalar, Sequence, find, plain


def problems_of(text: str) -> list[Diagnostic]:
    problems: list[Diagnostic] = []
    parse(Source("t.yaml", text), problems)
    return problems


def where(problem: Diagnostic) -> tuple[str, int, int]:
    return (problem.code, *problem.span.start)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("GUD005", 1, 1)),
        ("# only a comment\n", ("GUD005", 1, 1)),
        ("a: 1\n---\nb: 2\n", ("GUD005", 2, 1)),
        ("a: 1\nb: 2\na: 3\n", ("GUD006", 3, 1)),
        ("a: 1\nx: {b: 1, b: 2}\n", ("GUD006", 2, 11)),
        ("1: x\n", ("GUD007", 1, 1)),
        ("a: {true: x}\n", ("GUD007", 1, 5)),
        ("? [a]\n: x\n", ("GUD007", 1, 3)),
        ("a: 1\n<<: {b: 1}\n", ("GUD008", 2, 1)),
        ("a: !!python/object:os.system x\n", ("GUD009", 1, 4)),
        ("a:\n  - !mine {b: 1}\n", ("GUD009", 2, 5)),
        ("a: *b\n", ("GUD010", 1, 4)),
        ("&a [*a]\n", ("GUD010", 1, 5)),
        ("a: 'x\n", ("GUD004", 1, 6)),
        ("a: {b: 1\n", ("GUD004", 1, 9)),
        ("a:\n\t- b\n", ("GUD004", 2, 1)),
        ("a: @b\n", ("GUD004", 1, 4)),
        ("é: ü\nü: é: x\n", ("GUD004", 2, 5)),
        ("a: 1\nb: \x00\n", ("GUD002", 2, 4)),
        ("a: \ud800\n", ("GUD002", 1, 4)),
        ("a: " + "9" * 1000, ("GUD015", 1, 4)),
        ("a: " + "[" * 10_000, ("GUD003", 1, 68)),
    ],
)  # fmt: skip
def test_each_problem_is_reported_once_at_its_place(text: str, expected: tuple[str, int, int]) -> None:
    assert [where(problem) for problem in problems_of(text)] == [expected]


def test_all_problems_of_a_text_are_reported() -> None:
    assert [where(p) for p in problems_of("a: !x 1\nb: 1\nb: 2\n3: 4\n")] == [
        ("GUD009", 1, 4),
        ("GUD006", 3, 1),
        ("GUD007", 4, 1),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_marks_count_lines_and_characters(newline: str) -> None:
    tree = parse(Source("t", newline.join(["é: 1", "b:", "  - ü: {x: 'y'}", "    z: 2"])), [])
    assert isinstance(tree, Mapping)
    assert tree.entries["é"].value.span.start == (1, 4)
    node = find(tree, ("b", 0, "ü", "x"))
    assert node is not None
    assert (node.span.start, node.span.end) == ((3, 12), (3, 15))
    # Block collections end where their last value ends.
    assert tree.entries["b"].value.span.end == (4, 9)
    assert plain(tree) == {"é": 1, "b": ({"ü": {"x": "y"}, "z": 2},)}


def test_quoted_and_block_scalars_are_strings() -> None:
    tree = parse(Source("t", "a: '1'\nb: \"true\"\nc: |\n  1\nd: >-\n  2\n"), [])
    assert plain(tree) == {"a": "1", "b": "true", "c": "1\n", "d": "2"}  # type: ignore[arg-type]


def test_aliases_stand_for_their_anchors() -> None:
    assert plain(parse(Source("t", "a: &x {b: [1]}\nc: *x\n"), [])) == {"a": {"b": (1,)}, "c": {"b": (1,)}}  # type: ignore[arg-type]


def bomb(width: int, depth: int) -> str:
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, depth)]
    return "\n".join(lines)


def ladder(rungs: int) -> str:
    """Aliases in aliases, so that the depth adds up while each line looks shallow."""
    lines = ["a0: &a0 x"]
    lines += [f"a{i}: &a{i} {'[' * 40}*a{i - 1}{']' * 40}" for i in range(1, rungs)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [bomb(10, 10), bomb(1000, 4), ladder(60), "[" * 900_000, "{a: " * 200_000, "- " * 400_000, "a: [" + "x," * 400_000],
)  # fmt: skip
def test_bombs_are_refused_quickly_and_in_little_memory(text: str) -> None:
    start = time.process_time()  # the machine may be busy with other things
    problems_of(text)
    seconds = time.process_time() - start
    tracemalloc.start()  # tracing slows it down about fivefold
    (problem,) = problems_of(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem.code == "GUD003"
    assert seconds < 5
    assert peak < 300e6


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("a: 1".encode("utf-16"), "GUD002"),
        ("a: 1".encode("utf-16-le"), "GUD002"),
        (b"a: \xff\xfe", "GUD002"),
        (bytes(range(256)), "GUD002"),
        (b"x" * 10_000_000, "GUD003"),
    ],
)
def test_what_is_not_text_is_refused(data: bytes, code: str) -> None:
    source, problem = decode("t", data)
    problems = [problem] if problem else problems_of(source.text)
    assert [p.code for p in problems] == [code]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    source, problem = decode("t", b"\xef\xbb\xbfa: 1")
    assert problem is None
    assert plain(parse(source, [])) == {"a": 1}  # type: ignore[arg-type]


YAML_LIKE = st.text(st.sampled_from("ab01 :-,?&*!|>'\"%@`[]{}#\n\t\r<~.é\ufeff"), max_size=60)


@given(st.one_of(YAML_LIKE, st.text(max_size=40)))
@example("? a\n? b\n")
@example("- ? ")
@example("!<tag:yaml.org,2002:str> a")
@example("%YAML 9.9\n---\na")
def test_every_text_is_read_or_reported(text: str) -> None:
    problems: list[Diagnostic] = []
    tree = parse(Source("t", text), problems)
    assert tree is not None or problems
    assert all(str(problem) for problem in problems)
    if isinstance(tree, Mapping | Sequence | Scalar):
        plain(tree)
