#!/bin/sh
# Fetch vtest.avi, a street with several people, out of OpenCV's documentation in Debian and Ubuntu.
#   get_demo_video.sh FILE     takes about 100 MB from the package mirror, once; needs no root
set -eu
file=$1
[ -s "$file" ] && exit 0

fail() {
    printf '%s\n' "$@" "Give a video of your own:  make demo VIDEO=people.mp4   (or VIDEO=0 for a camera)" >&2
    exit 1
}

unpack() { # what to do with the folder of an unpacked opencv-doc
    found=$(find "$1" \( -name vtest.avi -o -name vtest.avi.gz \) -size +0 2>/dev/null | head -n 1)
    case $found in
        '') return 1 ;;
        *.gz) gzip -dc "$found" >"$file.part" ;;
        *) cp "$found" "$file.part" ;;
    esac
    mv "$file.part" "$file"
}

mkdir -p "$(dirname "$file")"
unpack /usr/share/doc/opencv-doc && exit 0 # the package is installed

for program in apt-get dpkg-deb; do
    command -v $program >/dev/null || fail \
        "The demo's own video comes from the Debian/Ubuntu package opencv-doc, and $program is missing here."
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd_download() (cd "$folder" && apt-get download "$@" opencv-doc)

echo "Fetching the demo video from the package opencv-doc (about 100 MB, once)"
if ! cd_download 2>"$folder/log"; then
    # No package lists, as in fresh containers: make some of our own.
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    set -- -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o "APT::Sandbox::User="
    apt-get "$@" update >>"$folder/log" 2>&1 && cd_download "$@" 2>>"$folder/log" || {
        tail -n 3 "$folder/log" >&2
        fail "The demo's own video could not be fetched (apt-get download opencv-doc, see above)." \
            "If apt only lacks its lists:  sudo apt update"
    }
fi
dpkg-deb -x "$folder"/opencv-doc_*.deb "$folder/unpacked"
unpack "$folder/unpacked" || fail "This version of the package opencv-doc holds no vtest.avi."
