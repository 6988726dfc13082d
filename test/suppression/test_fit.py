"""Fitting constants to objectives whose best constants are known."""

from __future__ import annotations

import json
import math

import pytest

from alphapose_ros.config import SuppressionConfig, with_values
from alphapose_ros.suppression.fit import GROUP_PAIRS, PAIRS, Log, Search, constants_of, fit

START = SuppressionConfig(score_scale=1.0, distance_scale=0.1, distance_weight=3.0, threshold=1.0)
BEST = {"score_scale": 0.13, "distance_scale": 0.02, "distance_weight": 0.7, "threshold": 0.3}


class Hill:
    """An objective with one top, whose two constants of each pair are not independent."""

    def __init__(self, dies_after=math.inf):
        self.calls = 0
        self.dies_after = dies_after

    def __call__(self, config):
        if self.calls >= self.dies_after:
            raise KeyboardInterrupt
        self.calls += 1
        off = [math.log(getattr(config, name) / best) for name, best in BEST.items()]
        return 1 - 0.1 * (sum(x * x for x in off) + 0.8 * off[0] * off[1] + 0.8 * off[2] * off[3])


def test_the_top_of_a_hill_is_found_from_afar():
    found = fit(Hill(), START)
    for name, best in BEST.items():
        assert getattr(found.config, name) == pytest.approx(best, rel=0.1), name
    assert found.value > 0.997 > found.start_value == Hill()(START)
    assert found.is_converged and found.evaluated <= 400


def test_what_is_in_no_pair_stays():
    found = fit(Hill(), with_values(START, {"min_score": 0.2}), Search(pairs=PAIRS[:1]))
    changed = ("score_scale", "distance_scale")
    assert all(getattr(found.config, name) != getattr(START, name) for name in changed)
    back = {name: getattr(START, name) for name in changed}
    assert with_values(found.config, back) == with_values(START, {"min_score": 0.2})


def test_weights_of_groups_can_be_fitted_too():
    def objective(config):
        return -abs(math.log(config.face_weight / 0.05)) - abs(math.log(config.hands_weight / 0.5))

    found = fit(objective, START, Search(pairs=GROUP_PAIRS))
    assert found.config.face_weight == pytest.approx(0.05, rel=0.12)
    assert found.config.hands_weight == pytest.approx(0.5, rel=0.12)


def test_the_same_is_found_again_and_no_constants_are_tried_twice():
    seen = []

    def objective(config):
        seen.append(config)
        return Hill()(config)

    assert fit(objective, START) == fit(Hill(), START)
    assert len(seen) == len(set(seen)) == fit(Hill(), START).evaluated


@pytest.mark.parametrize("dies_after", [0, 1, 30, 100])
def test_a_killed_search_goes_on_to_the_same_result(tmp_path, dies_after):
    whole = Hill()
    expected = fit(whole, START)
    path = tmp_path / "log.jsonl"
    with pytest.raises(KeyboardInterrupt):
        fit(Hill(dies_after), START, log=Log(path, {"data": "hill"}))
    with path.open("a") as file:
        file.write('{"constants": {"body')  # cut off while it was written
    rest = Hill()
    found = fit(rest, START, log=Log(path, {"data": "hill"}, resume=True))
    assert found == expected
    assert rest.calls == whole.calls - dies_after
    again = Hill()
    assert fit(again, START, log=Log(path, {"data": "hill"}, resume=True)) == expected
    assert again.calls == 0 and len(path.read_text().splitlines()) == 1 + whole.calls


def test_the_limit_of_evaluations_counts_those_of_the_log(tmp_path):
    path, search = tmp_path / "log.jsonl", Search(most=60)
    expected = fit(Hill(), START, search)
    assert expected.evaluated == 60 and not expected.is_converged
    with pytest.raises(KeyboardInterrupt):
        fit(Hill(40), START, search, log=Log(path))
    assert fit(Hill(), START, search, log=Log(path, resume=True)) == expected
    fewer = Search(most=30)
    assert fit(Hill(), START, fewer, log=Log(path, resume=True)) == fit(Hill(), START, fewer)


def test_a_log_of_something_else_is_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    Log(path, {"data": "hill"})
    Log(path, {"data": "hill"}).add(constants_of(START), 0.5)  # nothing was in it yet
    with pytest.raises(FileExistsError, match="resume"):
        Log(path, {"data": "hill"})
    with pytest.raises(ValueError, match="other data"):
        Log(path, {"data": "valley"}, resume=True)


def test_a_damaged_log_is_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    fit(Hill(), START, Search(most=3), log=Log(path))
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:-4]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="line 3"):
        Log(path, resume=True)


def test_a_log_says_what_was_evaluated(tmp_path):
    path = tmp_path / "log.jsonl"
    fit(Hill(), START, Search(most=1), log=Log(path))
    entry = json.loads(path.read_text().splitlines()[1])
    assert entry["constants"]["threshold"] == 1.0
    assert entry["value"] == pytest.approx(Hill()(START))


def test_where_nothing_is_better_the_start_stays():
    assert fit(lambda config: 0.5, START).config == START


def test_on_a_plateau_its_middle_is_taken_and_not_its_edge():
    def objective(config):  # flat from 0.05 to 1, a step below on either side
        return float(0.05 <= config.threshold <= 1.0)

    found = fit(objective, START, Search(pairs=PAIRS[1:], ratios=(2.0,)))
    assert 0.1 <= found.config.threshold <= 0.5


def test_constants_that_are_not_allowed_are_never_chosen():
    found = fit(Hill(), START, is_allowed=lambda config: config.threshold >= 0.6)
    free = fit(Hill(), START)
    assert 0.6 <= found.config.threshold < 0.85
    assert found.start_value < found.value < free.value


def test_a_start_that_is_not_allowed_is_left():
    found = fit(Hill(), START, is_allowed=lambda config: config.threshold <= 0.6)
    assert found.config.threshold == pytest.approx(0.3, rel=0.1)


def test_where_nothing_is_allowed_there_is_an_error():
    with pytest.raises(ValueError, match="allowed"):
        fit(Hill(), START, is_allowed=lambda config: False)


def test_the_search_keeps_to_its_limits():
    found = fit(
        Hill(), START, Search(limits={"threshold": (0.5, 2.0), "distance_scale": (0.05, 1)})
    )
    assert found.config.threshold == 0.5
    assert found.config.distance_scale == 0.05


def test_an_objective_that_is_no_number_is_an_error():
    with pytest.raises(ValueError, match="labelled"):
        fit(lambda config: math.nan, START)
