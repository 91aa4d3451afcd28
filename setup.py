"""Keeps files of an earlier build out of a wheel; all else is in setup.cfg."""

import shutil

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildPy(build_py):
    def run(self):
        if not self.editable_mode:
            shutil.rmtree("build/lib", ignore_errors=True)
        super().run()


setup(cmdclass={"build_py": BuildPy})
