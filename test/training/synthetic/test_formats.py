from __future__ import annotations

import json

import numpy as np

from alphapose_ros.training.synthetic.formats import (
    read_garment,
    read_mesh,
    read_rig,
    read_skin_weights,
    read_target,
)

OBJECT = """# a square and a triangle
v 0 0 0
v 10 0 0
v 10 10 0
v 0 10 0
vt 0 0
vt 1 0
g body
f 1/1 2/2 3/1 4/2
g helper
f 1 3 4
"""
GARMENT = """# comment
name shirt
x_scale 0 1 5.0
material shirt.mhmat
verts 0
7
0 1 2 0.5 0.25 0.25 1 2 3
delete_verts
3 5 - 7 9
"""
RIG = {
    "bones": {
        "hand": {"parent": "arm", "head": "b", "tail": "c"},
        "arm": {"parent": None, "head": "a", "tail": "b"},
    },
    "joints": {"a": [0], "b": [1, 2], "c": [0, 1, 2, 3]},
}


def test_quadrangles_become_triangles_and_decimetres_metres():
    mesh = read_mesh(OBJECT)
    np.testing.assert_allclose(mesh.vertices[2], [1, 1, 0])
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 2, 3]]
    assert mesh.uv_triangles.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert mesh.groups.tolist() == ["body", "body", "helper"]


def test_a_target_moves_the_vertices_it_names():
    rows, by = read_target("# shape\n\n4 1 0 -2\n9 0 .5 0\n")
    assert rows.tolist() == [4, 9]
    np.testing.assert_allclose(by, [[0.1, 0, -0.2], [0, 0.05, 0]], atol=1e-7)


def test_a_garment_hangs_on_vertices_and_hides_others():
    garment = read_garment(GARMENT, read_mesh(OBJECT))
    assert garment.anchors.tolist() == [[7, 0, 0], [0, 1, 2]]
    np.testing.assert_allclose(garment.weights, [[1, 0, 0], [0.5, 0.25, 0.25]])
    np.testing.assert_allclose(garment.offsets, [[0, 0, 0], [1, 2, 3]])
    assert garment.scales[0].tolist() == [0, 1, 5]
    assert garment.hidden.tolist() == [3, 5, 6, 7, 9]
    assert garment.material == "shirt.mhmat"


def test_parents_come_first_and_joints_keep_their_mean():
    rig = read_rig(json.dumps(RIG))
    assert rig.names == ("arm", "hand")
    assert rig.parents.tolist() == [-1, 0]
    vertices = np.arange(4.0)
    np.testing.assert_allclose(vertices[rig.heads].mean(axis=1), [0, 1.5])
    np.testing.assert_allclose(vertices[rig.tails].mean(axis=1), [1.5, 1.5])


def test_skin_weights_add_up_to_one():
    rig = read_rig(json.dumps(RIG))
    many = {"weights": {"arm": [[0, 0.2], [1, 1.0]], "hand": [[0, 0.6]]}}
    # eight bones at most are kept; here there are but two, so ask a rig of ten
    wide = type(rig)(("arm", "hand", *"cdefghij"), np.zeros(10, int), rig.heads, rig.tails)
    bones, weights = read_skin_weights(json.dumps(many), wide, 3)
    assert bones.shape == weights.shape == (3, 8)
    assert bones[0, :2].tolist() == [1, 0]
    np.testing.assert_allclose(weights[0, :2], [0.75, 0.25])
    np.testing.assert_allclose(weights[1, :2], [1, 0])
    np.testing.assert_array_equal(weights[2], 0)  # nobody moves it
