"""The folder of assets: found, checked, and read once into a cache of plain arrays."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import tarfile
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from alphapose_ros.training.synthetic.formats import (
    Garment,
    Mesh,
    Rig,
    read_garment,
    read_mesh,
    read_rig,
    read_skin_weights,
    read_target,
)
from alphapose_ros.training.synthetic.textures import Texture, collect

CORE = "makehuman_core.tar.xz"
EXTRA = "makehuman_clothes_hair.tar.xz"
POSES = "cmu_poses.npz"
FACE = "face68_vertices.json"
TEXTURES = "textures"
ENVIRONMENTS = "hdri"  # optional

_WITH_PEOPLE = ("sunset",)  # environment maps that show somebody

_UNUSED = ("displacement", "special_suit")  # textures

_VERSION = 2  # of the cache; raise it when what is cached changes
_DATA = "makehuman/data/"
_SHAPES = (
    *("macrodetails", "head", "nose", "mouth", "eyes", "chin", "cheek", "ears", "forehead"),
    *("eyebrows", "torso", "hip", "stomach", "neck", "expression/units/caucasian"),
)
_KINDS = ("clothes", "hair", "eyebrows", "eyelashes", "teeth")
_EYES = "eyes/low-poly/low-poly.mhclo"


class Targets:
    """Shape targets: sparse displacements of the body's vertices, by name."""

    def __init__(self, names: list[str], starts: np.ndarray, rows: np.ndarray, by: np.ndarray):
        self._at = {name: slice(*starts[i : i + 2]) for i, name in enumerate(names)}
        self._rows, self._by = rows, by
        self._folders: dict[str, list[str]] = {}
        for name in sorted(names):
            for end in (i for i, letter in enumerate(name) if letter == "/"):
                self._folders.setdefault(name[:end], []).append(name)

    def __contains__(self, name: str) -> bool:
        return name in self._at

    def names(self, folder: str) -> list[str]:
        """Return the targets below a folder such as "nose", sorted."""
        return self._folders[folder]

    def add(self, vertices: np.ndarray, name: str, weight: float) -> None:
        """Move ``vertices`` (V, 3) in place by ``weight`` times the target.

        Raises:
            KeyError: there is no such target.
        """
        at = self._at[name]
        vertices[self._rows[at]] += np.float32(weight) * self._by[at].astype(np.float32)


@dataclass(frozen=True)
class Assets:
    """All that people are made of."""

    body: Mesh  # the skin's triangles; vertices include the helpers that clothes hang on
    rig: Rig
    bones: np.ndarray  # (V, 8) int32 that move each vertex
    weights: np.ndarray  # (V, 8) float32
    targets: Targets
    garments: dict[str, Garment]  # "clothes/male_casualsuit01", "hair/afro01", ...
    texels: np.ndarray  # (N, 4) uint8 RGBA of all textures
    textures: dict[str, Texture]  # by their place, such as "hair/afro01/afro_diffuse.png"
    environments: tuple[Path, ...]  # may be empty
    pose_rotations: np.ndarray  # (P, 19, 3, 3) float16, from CMU's rest pose to the world
    pose_joints: tuple[str, ...]  # the 19 names
    pose_directions: np.ndarray  # (19, 3) where each joint's bone points at rest
    face_vertices: np.ndarray  # (68,) int32, in the order of 300-W


def open_assets(folder: Path | str, cache: Path | str | None = None) -> Assets:
    """Read the assets.

    The first call reads the archives (about half a minute) and leaves arrays in ``cache``, which
    later calls map into memory.

    Args:
        folder: what docs/synthetic.md says how to get.
        cache: where to keep the arrays; by default ~/.cache/alphapose_ros, or XDG_CACHE_HOME.

    Raises:
        FileNotFoundError: the folder or a file of it is missing.
    """
    folder = Path(folder)
    for name in (CORE, EXTRA, POSES, FACE, TEXTURES):
        if not (folder / name).exists():
            raise FileNotFoundError(
                f"{folder / name} is missing: --assets needs the folder with {CORE}, {EXTRA}, "
                f"{POSES}, {FACE} and {TEXTURES}/; docs/synthetic.md says where it comes from"
            )
    compiled = _compiled(folder, _cache_folder(cache))
    with np.load(compiled / "arrays.npz") as file:
        arrays = dict(file)
    info = json.loads((compiled / "info.json").read_text("utf-8"))
    with np.load(folder / POSES) as poses:
        rotations, joints, directions = poses["R"], poses["keep"], poses["D"]
    return Assets(
        body=_mesh_of(arrays, "body"),
        rig=Rig(tuple(info["bones"]), arrays["parents"], arrays["heads"], arrays["tails"]),
        bones=arrays["skin/bones"],
        weights=arrays["skin/weights"],
        targets=Targets(
            info["targets"],
            arrays["target_starts"],
            np.load(compiled / "target_rows.npy", mmap_mode="r"),
            np.load(compiled / "target_by.npy", mmap_mode="r"),
        ),
        garments={name: _garment_of(arrays, name, info) for name in info["garments"]},
        texels=np.load(compiled / "texels.npy", mmap_mode="c"),  # torch wants writable arrays
        textures={
            name: Texture(tuple(starts), tuple(tuple(size) for size in sizes), has_holes)
            for name, (starts, sizes, has_holes) in info["textures"].items()
        },
        environments=tuple(
            path
            for path in sorted((folder / ENVIRONMENTS).glob("*.hdr"))
            if path.stem not in _WITH_PEOPLE
        ),
        pose_rotations=rotations,
        pose_joints=tuple(str(name) for name in joints),
        pose_directions=directions,
        face_vertices=np.array(json.loads((folder / FACE).read_text("utf-8")), np.int32),
    )


def _texture_paths(folder: Path) -> dict[str, Path]:
    """Return the pictures by their place; base__hair__afro01__x.png lies at hair/afro01/x.png."""
    return {
        path.name.removeprefix("base__").replace("__", "/"): path
        for path in sorted((folder / TEXTURES).glob("*.png"))
        if not any(word in path.name for word in _UNUSED)
    }


def _cache_folder(cache: Path | str | None) -> Path:
    if cache is not None:
        return Path(cache)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "alphapose_ros" / "synthetic_people"


def _compiled(folder: Path, cache: Path) -> Path:
    """Return the folder of arrays for these archives; make it if need be."""
    files = [folder / CORE, folder / EXTRA, *sorted((folder / TEXTURES).glob("*.png"))]
    sizes = [(path.name, path.stat().st_size) for path in files]
    digest = hashlib.sha256(json.dumps([_VERSION, sizes]).encode()).hexdigest()[:16]
    target = cache / digest
    if not target.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            _compile(folder, made)
            try:
                made.rename(target)
            except OSError:  # another process was faster
                if not target.is_dir():
                    raise
    return target


def _compile(folder: Path, target: Path) -> None:
    """Read the archives and write arrays."""
    core, extra = _texts(folder / CORE), _texts(folder / EXTRA)
    core = {name.removeprefix(_DATA): text for name, text in core.items()}
    extra = {name.removeprefix("base/"): text for name, text in extra.items()}
    arrays: dict[str, np.ndarray] = {}
    mesh = read_mesh(core["3dobjs/base.obj"])
    skin = mesh.groups == "body"
    _put_mesh(arrays, "body", mesh, skin)
    rig = read_rig(core["rigs/default.mhskel"])
    arrays |= {"parents": rig.parents, "heads": rig.heads, "tails": rig.tails}
    arrays["skin/bones"], arrays["skin/weights"] = read_skin_weights(
        core["rigs/default_weights.mhw"], rig, len(mesh.vertices)
    )
    files = {name: extra for name in extra if name.split("/")[0] in _KINDS} | {_EYES: core}
    garments, materials = [], {}
    for path in sorted(path for path in files if path.endswith(".mhclo")):
        name = posixpath.dirname(path) if path == _EYES else path.removesuffix(".mhclo")
        name = _short_name(name)
        texts = files[path]
        garment = read_garment(texts[path], read_mesh(texts[_object_of(path, texts[path])]))
        _put_mesh(arrays, name, garment.mesh)
        for part in ("anchors", "weights", "offsets", "scales", "hidden"):
            arrays[f"{name}/{part}"] = getattr(garment, part)
        garments.append(name)
        materials[name] = _diffuse_texture(path, garment.material, texts)
    names = _put_targets(core, arrays, target)
    texels, textures = collect(_texture_paths(folder))
    np.save(target / "texels.npy", texels)
    info = {"bones": rig.names, "garments": garments, "materials": materials, "targets": names}
    info["textures"] = {name: astuple(texture) for name, texture in textures.items()}
    (target / "info.json").write_text(json.dumps(info), "utf-8")
    np.savez(target / "arrays.npz", **arrays)


def _texts(archive: Path) -> dict[str, str]:
    """Return the text files of an archive by name."""
    endings = (".obj", ".target", ".mhclo", ".mhmat", ".mhskel", ".mhw")
    with tarfile.open(archive) as tar:
        return {
            member.name.removeprefix("./"): tar.extractfile(member)
            .read()
            .decode("utf-8", "replace")
            for member in tar
            if member.isfile() and member.name.endswith(endings)
        }


def _short_name(name: str) -> str:
    """Shorten hair/afro01/afro01 to hair/afro01; keep fedora01/fedora_cocked apart."""
    *folders, last = name.split("/")
    return "/".join(folders if folders[-1] == last else (folders[0], last))


def _object_of(path: str, text: str) -> str:
    name = next(line.split()[1] for line in text.splitlines() if line.startswith("obj_file"))
    return posixpath.join(posixpath.dirname(path), name)


def _diffuse_texture(path: str, material: str, texts: dict[str, str]) -> str:
    """Return the place of a garment's picture, "" where its material names none."""
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), material))
    for line in texts.get(place, "").splitlines():
        if line.startswith("diffuseTexture"):
            name = line.split(maxsplit=1)[1].strip()
            return posixpath.normpath(posixpath.join(posixpath.dirname(place), name))
    return ""


def _put_mesh(
    arrays: dict[str, np.ndarray], name: str, mesh: Mesh, chosen: np.ndarray | slice = slice(None)
) -> None:
    arrays[f"{name}/vertices"], arrays[f"{name}/uvs"] = mesh.vertices, mesh.uvs
    arrays[f"{name}/triangles"] = mesh.triangles[chosen]
    arrays[f"{name}/uv_triangles"] = mesh.uv_triangles[chosen]


def _mesh_of(arrays: dict[str, np.ndarray], name: str) -> Mesh:
    parts = (arrays[f"{name}/{part}"] for part in ("vertices", "uvs", "triangles", "uv_triangles"))
    return Mesh(*parts, groups=np.empty(0, str))


def _garment_of(arrays: dict[str, np.ndarray], name: str, info: dict) -> Garment:
    parts = ("anchors", "weights", "offsets", "scales", "hidden")
    return Garment(
        _mesh_of(arrays, name),
        *(arrays[f"{name}/{part}"] for part in parts),
        material=info["materials"][name],
    )


def _put_targets(core: dict[str, str], arrays: dict[str, np.ndarray], target: Path) -> list[str]:
    """Write the shape targets one behind the other; half precision is 0.1 mm here."""
    names, counts, all_rows, all_by = [], [0], [], []
    for path in sorted(core):
        name = path.removeprefix("targets/").removesuffix(".target")
        if path.endswith(".target") and name.startswith(tuple(f"{s}/" for s in _SHAPES)):
            rows, by = read_target(core[path])
            names.append(name)
            counts.append(len(rows))
            all_rows.append(rows)
            all_by.append(by.astype(np.float16))
    arrays["target_starts"] = np.cumsum(counts)
    np.save(target / "target_rows.npy", np.concatenate(all_rows))
    np.save(target / "target_by.npy", np.concatenate(all_by))
    return names
