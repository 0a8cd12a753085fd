"""In an environment, with a .pth file that imports it: pip and hatchling find musl there in place of glibc."""

import importlib.abc
import importlib.machinery
import sys


class _Finder(importlib.abc.MetaPathFinder):
    """Change two modules of the package `packaging`, also where pip has a copy of it, after they were loaded."""

    def find_spec(self, fullname, path=None, target=None):
        if not fullname.endswith(("packaging._musllinux", "packaging._manylinux")):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            if fullname.endswith("_musllinux"):
                module._get_musl_version = lambda _executable: module._MuslVersion(1, 2)
            else:
                module.platform_tags = lambda *_archs: iter(())

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder())
