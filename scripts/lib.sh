# Shared by the scripts beside it: where the checkout is, and `ready`, which makes its virtual environment hold a set.

root=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")
python=$root/.venv/bin/python

# ready box|test|check: returns once .venv holds that set of pinned packages, which costs two starts of Python when it
# does already; otherwise the reason is told in a sentence and the script ends.
ready() {
    installer=$(some_python) || exit 1
    "$installer" -IS "$root/scripts/install.py" "$1" || exit
}

# The Python to install with: the owner's choice, else the environment's own, else the first on PATH that is new enough.
some_python() {
    if [ "${NANOSCALE_PYTHON:-}" ]; then
        set -- "$NANOSCALE_PYTHON"
    else
        set -- "$python" python3 python3.14 python3.13 python3.12 python3.11
    fi
    for candidate do
        "$candidate" -IS -c 'import sys; sys.version_info < (3, 11) and sys.exit(1); print(sys.executable)' 2>/dev/null && return
    done
    if [ "${NANOSCALE_PYTHON:-}" ]; then
        echo "nanoscale-box: NANOSCALE_PYTHON is $NANOSCALE_PYTHON, which is no Python 3.11 or newer; name one that is, or unset it." >&2
    else
        echo "nanoscale-box: there is no Python 3.11 or newer here; install one (on Debian or Ubuntu: apt install python3-venv), or name one in NANOSCALE_PYTHON." >&2
    fi
    return 1
}
