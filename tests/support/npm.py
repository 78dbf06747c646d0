# SPDX-License-Identifier: Apache-2.0
"""Packages from npm that tests use: installed by their lock file, once, and kept between runs."""
import fcntl
import pathlib
import shutil
import subprocess


class Absent(Exception):
    """They cannot be had; says why."""


def packages(source, folder):
    """The folder with node_modules of the lock file in source. Runs at the same time take turns. Raises Absent."""
    source, folder = pathlib.Path(source), pathlib.Path(folder)
    if not shutil.which("npm"):
        raise Absent("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    lock = (source / "package-lock.json").read_bytes()
    mark = folder / "installed"
    with open(folder / "lock", "w", encoding="ascii") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.exists() or mark.read_bytes() != lock:
            for name in ("package.json", "package-lock.json", ".npmrc"):
                if (source / name).exists():
                    shutil.copy(source / name, folder)
            made = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder,
                                  capture_output=True, text=True, timeout=600, check=False)
            if made.returncode != 0:
                raise Absent(f"npm could not install {source.name}: {made.stderr[-300:]}")
            mark.write_bytes(lock)
    return folder
