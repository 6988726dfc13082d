"""The pose node, before which somebody holds up a hand as high as the shoulder and a little."""

from __future__ import annotations

from dataclasses import replace

from scripted_node import BODY, ScriptedPipeline

from alphapose_ros.nodes.pose_node import PoseNode
from alphapose_ros.nodes.running import run

PLACES = {"shoulder": 30, "elbow": 40, "wrist": 24, "hip": 60}  # y [px]: 0.2 of the trunk above


class RaisingPipeline(ScriptedPipeline):
    def run(self, frame):
        result = super().run(frame)
        keypoints = result.poses.keypoints.copy()
        for part, y in PLACES.items():
            for side, x in (("left", 20), ("right", 5)):
                keypoints[0, BODY.index(f"{side}_{part}")] = (x, y, 0.9)
        poses = replace(result.poses, keypoints=keypoints)
        return replace(result, poses=poses, tracks=replace(result.tracks, poses=poses))


def main():
    run(lambda: PoseNode(RaisingPipeline), start=PoseNode.start)


if __name__ == "__main__":
    main()
