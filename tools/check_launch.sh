#!/bin/bash
# Build the package with colcon and try every argument of its launch files in earnest.
#   check_launch.sh FOLDER           some minutes; FOLDER takes the build and the logs
#   check_launch.sh FOLDER demo      only the runs whose names hold this word
# Needs colcon and ros2 with its verb launch: a sourced ROS 2 installation, or an environment in
# which they are installed beside the ROS 2 wheels of PyPI.
set -euo pipefail
[ $# -ge 1 ] || {
    sed -n '2,/^set/s/^# //p' "$0"
    exit 2
}
tools=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
for program in colcon ros2; do
    command -v $program >/dev/null || {
        echo "$program is missing: source a ROS 2 installation first" >&2
        exit 1
    }
done

prefix= wheels=()
if [ -z "${ROS_DISTRO:-}" ]; then # nobody sourced an installation: ROS 2 is from PyPI
    prefix=$(python3 -c 'import sys; print(sys.prefix)')
    wheels=(--cmake-args "-DCMAKE_PROJECT_INCLUDE=$tools/../cmake/pip_wheels.cmake")
fi
colcon --log-base "$folder/log" build --base-paths "$tools/.." --build-base "$folder/build" \
    --install-base "$folder/install" "${wheels[@]}"
set +u
. "$folder/install/setup.bash"
set -u

# RViz is not opened: a program that says how it was called takes its place.
rviz=$folder/stand_in
mkdir -p "$rviz/share/ament_index/resource_index/packages" "$rviz/lib/rviz2"
touch "$rviz/share/ament_index/resource_index/packages/rviz2"
cat >"$rviz/lib/rviz2/rviz2" <<'END'
#!/bin/sh
for word; do
    case $word in *launch_params*) cat "$word" ;; esac
done
echo "called: rviz2 $*"
exec sleep 3600
END
chmod +x "$rviz/lib/rviz2/rviz2"

# Apart from all other ROS 2 programs, and all by the one profile that the launch files set.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE FASTDDS_BUILTIN_TRANSPORTS
export AMENT_PREFIX_PATH="$rviz:$AMENT_PREFIX_PATH${prefix:+:$prefix}"
export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST ROS_DOMAIN_ID=$((1 + $$ % 101))
export ROS_HOME="$folder/ros" ROS_LOG_DIR="$folder/ros/log"
export FASTRTPS_DEFAULT_PROFILES_FILE="$folder/install/alphapose_ros/share/alphapose_ros/config/fastdds_images.xml"
exec python3 "$tools/launch_checks.py" "$folder" "${2:-}"
