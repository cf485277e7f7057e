"""What all tests share: caches of their own, and a compilation cache, since many compile the same small programs."""

import os
import tempfile
from pathlib import Path

_SHARED = Path(tempfile.gettempdir()) / f"gudspec-tests-{os.getuid()}"
os.environ.setdefault("GUDSPEC_CACHE", str(_SHARED / "statistics"))
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_SHARED / "compilation"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
# what is tested does not depend on how fast its programs are, and half of the time of the tests is LLVM's
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
