"""`alphapose train`: a network from a training file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path

TASKS = {  # each module has build_task(settings, data, seed=, rank=)
    "pose": "alphapose_ros.training.pose_task",
    "detection": "alphapose_ros.training.detection_task",
    "reid": "alphapose_ros.training.reid_task",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add what the verb understands."""
    parser.add_argument("file", type=Path, help="training file, e.g. config/training/pose.yaml")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for results; else runs/<file>")
    parser.add_argument("--data", type=Path, default=Path(), metavar="DIR", help="where data lie")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one setting of the file, e.g. run.steps=1000 or data.0.ratio=2",
    )


def run(options: Namespace) -> None:
    """Train to the end, or until Ctrl-C, which leaves a run that can be resumed.

    Under torchrun (``torchrun --nproc_per_node=2 -m alphapose_ros train ...``) all processes
    train together.
    """
    from alphapose_ros.training.distributed import first_process_first, leave, rank
    from alphapose_ros.training.settings import RunConfig, read_training_file, section_from
    from alphapose_ros.training.trainer import set_up, train

    settings = read_training_file(options.file, options.settings)
    if settings.get("task") not in TASKS:
        raise ValueError(f"task: {settings.get('task')!r} is none of {', '.join(TASKS)}")
    run_config = section_from(settings.get("run"), RunConfig(), "run")
    build_task = import_module(TASKS[settings["task"]]).build_task
    set_up(run_config)
    with first_process_first():  # it makes the packs
        task = build_task(settings, options.data, seed=run_config.seed, rank=rank())
    folder = options.out or Path("runs") / options.file.stem
    state = train(task, run_config, folder, resume=options.resume, settings=settings)
    if rank() == 0:
        print(f"{state.step} of {run_config.steps} steps: {folder}")
    leave()
