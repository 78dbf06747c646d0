# SPDX-License-Identifier: Apache-2.0
"""Programs from PyPI that tests use, in the versions of tests/requirements.txt, in a virtual environment of their own below build/."""
import hashlib
import pathlib
import subprocess
import venv

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "tests" / "requirements.txt"
FOLDER = ROOT / "build" / "pypi-tests"


def program(name):
    """The path of the program; installs what the file names when that has changed. Raises RuntimeError when that fails."""
    stamp = FOLDER / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(FOLDER, clear=True, symlinks=True, with_pip=True)
        done = subprocess.run([FOLDER / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("pip could not install tests/requirements.txt: " + done.stderr[-2000:])
        stamp.write_text(wanted)
    return FOLDER / "bin" / name
