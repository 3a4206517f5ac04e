# Read by the scripts beside it. They work in the checkout's folder, from wherever they are called.
set -eu

checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd -- "$checkout"

# An ordinary user's PATH has no sbin, where half of the tools are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# Files made here belong to whom the checkout belongs to, also when root makes them (sudo make, a container). Going by
# the owner and not by SUDO_UID is right for a checkout in root's own home after `sudo -i`, too.
owner=$(stat -c %u:%g .)

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'meshnet: %s\n' "$*" >&2
    exit 2
}

# Whether this is root at work in somebody else's checkout.
for_another() {
    [ "${owner%:*}" -ne 0 ] && [ "$(id -u)" -eq 0 ]
}

# Run a command as the checkout's owner.
as_owner() {
    if for_another; then
        home=$(getent passwd "${owner%:*}" | cut -d: -f6)
        setpriv --reuid "${owner%:*}" --regid "${owner#*:}" --clear-groups -- env "HOME=${home:-/nonexistent}" "$@"
    else
        "$@"
    fi
}

# Root hands what it made in somebody's checkout to that somebody.
give_back() {
    find . -path ./.git -prune -o -uid 0 -exec chown -h "$owner" {} +
}

# Where docker-client puts what it unpacks, a folder a version, and when that was last tried.
docker_folder=.tools/docker
docker_tried=$docker_folder/tried

docker_is_unpacked() {
    set -- $docker_folder/*/docker
    [ -x "$1" ]
}

# Whether there is a docker command for labs, chosen as meshnet/lab/docker_client.py does.
docker_is_there() {
    [ -z "${MESHNET_DOCKER:-}" ] || return 0
    ! docker_is_unpacked || return 0
    folders=$PATH:
    while [ -n "$folders" ]; do
        ! is_docker_client "${folders%%:*}/docker" || return 0
        folders=${folders#*:}
    done
    return 1
}

# A program of its own: not podman's script of that name, nor snap's, which runs nowhere but beside its daemon.
is_docker_client() {
    [ -x "$1" ] || return 1
    file=$(readlink -f "$1")
    [ "${file##*/}" != snap ] && [ "$(head -c 4 "$file" | tr -d '\177')" = ELF ]
}

# Print the path of a Python that is new enough and that the checkout's owner may run, or fail saying what there is.
find_python() {
    found=none
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        # The real path, since the one in PATH may be in an activated .venv that is about to be made anew.
        answer=$(as_owner "$candidate" -c '
import os, sys
print("yes" if sys.version_info >= (3, 11) else "no", "%d.%d.%d" % sys.version_info[:3], os.path.realpath(sys.executable))
' 2>/dev/null) || continue
        case $answer in
            yes*) say "${answer#yes * }" && return ;;
            no*) [ "$found" != none ] || found="${answer#no }" ;;
        esac
    done
    fail "Python 3.11 or later is needed, and found was ${found}; Debian 12 and Ubuntu 24.04 have one as python3," \
        "and PYTHON=/path/to/python3.12 in the environment names another"
}
