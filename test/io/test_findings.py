from __future__ import annotations

from alphapose_ros.io.findings import (
    FAIL,
    OK,
    WARN,
    WIDTH,
    Finding,
    from_lines,
    table,
    to_line,
    worst,
)

GOOD = Finding(OK, "rate", "25 Hz", values={"hz": 25.0})
BAD = Finding(FAIL, "camera info", "nobody publishes it", "Publish it")


def test_findings_go_through_a_pipe():
    assert from_lines(f"{to_line(GOOD)}\n{to_line(BAD)}\n") == [GOOD, BAD]


def test_other_lines_and_half_a_line_are_left_out():
    lines = ["hello", "{}", "[1]", '{"level": "OK"}', to_line(GOOD), to_line(BAD)[:-5]]
    assert from_lines("\n".join(lines)) == [GOOD]


def test_the_table_is_aligned_with_remedies_below():
    assert table([GOOD, BAD]).splitlines() == [
        "OK    rate         25 Hz",
        "FAIL  camera info  nobody publishes it",
        "                   -> Publish it",
        "",
        "1 FAIL, 0 WARN, 1 OK",
    ]


def test_long_lines_are_wrapped_and_paths_stay_whole():
    path = "/" + "x" * 60
    shown = table([Finding(WARN, "room", f"{'word ' * 20}{path}", f"set {'to ' * 30}{path}")])
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert shown.count(path) == 2


def test_the_worst_counts():
    assert worst([]) == worst([GOOD]) == OK
    assert worst([GOOD, Finding(WARN, "", "")]) == WARN
    assert worst([BAD, GOOD]) == FAIL
    assert table([GOOD]).endswith("nothing is wrong")
