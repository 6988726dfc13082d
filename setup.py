"""The library and the `alphapose` command without ROS; colcon builds by CMakeLists.txt instead."""

from glob import glob
from tempfile import TemporaryDirectory

from setuptools import find_packages, setup

build = TemporaryDirectory()  # in ./build, files of earlier versions would slip into the wheel

setup(
    name="alphapose_ros",
    version="0.1.0",
    description="Whole-body poses and tracks of people, from camera images to ROS 2 topics.",
    license="Apache-2.0",
    python_requires=">=3.10",
    install_requires=[
        "numpy>=1.21",
        "mcap>=1.2.1",  # what is left of damaged bags; brings lz4 and zstandard
        "onnxruntime>=1.12",
        "opencv-python-headless>=4.6,<5",  # 5 has no HOGDescriptor
        "pyyaml",
        "rosbags>=0.11.9",
        "safetensors>=0.4",
        "scipy>=1.8",
        "torch>=2.2",
        "tqdm",
    ],
    extras_require={
        "eval": ["matplotlib>=3.7", "pycocotools>=2.0.6"],  # alphapose eval
        "parquet": ["pyarrow>=12"],  # --save parquet, alphapose convert
        "export": ["onnx>=1.16", "onnxscript>=0.7", "torch>=2.10"],  # alphapose models export
    },
    package_dir={"": "."},  # makes editable installs a plain .pth file, which the messages can join
    packages=find_packages(include=["alphapose_ros", "alphapose_ros.*"]),
    package_data={"alphapose_ros": ["models/weights/*", "io/page.*"]},
    data_files=[
        (f"share/alphapose_ros/{folder}", glob(f"{folder}/*.*"))
        # msg: for bags without ROS
        for folder in (
            *("config", "config/paper", "config/pose_nms", "config/training"),
            *("launch", "msg", "rviz"),
        )
    ],
    entry_points={"console_scripts": ["alphapose = alphapose_ros.cli:main"]},
    options={"build": {"build_base": build.name}},
)
