from __future__ import annotations

import pytest

from alphapose_ros.config import Config, leaves, with_values
from alphapose_ros.evaluation.ablations import ABLATIONS, variants
from alphapose_ros.evaluation.finding import Finding
from alphapose_ros.pose.heatmap import DECODERS


@pytest.mark.parametrize("name", ABLATIONS)
def test_variants_differ_and_can_be_made(name):
    found = variants(name, Config(), has_tracks=ABLATIONS[name].of_tracks)
    made = [Finding(images="").as_in(variant).described() for variant in found]
    assert len(found) > 1
    for number, one in enumerate(made):
        assert one not in made[:number]
    assert len({variant.name for variant in found}) == len(found)


def test_normalisations_are_those_of_the_weights():
    two, one = variants("normalisation", Config(), has_tracks=False)
    assert (two.finding, one.finding) == ({"decode": "combined"}, {"decode": "combined_one_step"})
    assert {two.finding["decode"], one.finding["decode"]} <= set(DECODERS)


def test_poses_are_given_only_where_some_are_labelled():
    names = [one.name for one in variants("given", Config(), has_tracks=True, has_poses=False)]
    assert names == ["all found", "true boxes"]
    assert len(variants("given", Config(), has_tracks=True)) == 3


def test_settings_of_variants_are_settings():
    known = leaves(Config())
    for ablation in ABLATIONS.values():
        for variant in ablation.variants:
            assert set(variant.settings) <= set(known)
            with_values(Config(), variant.settings)


def test_an_ablation_of_videos_is_not_for_pictures():
    with pytest.raises(
        ValueError, match=r"'stages' is none of normalisation, .* for this data set"
    ):
        variants("stages", Config(), has_tracks=False)
