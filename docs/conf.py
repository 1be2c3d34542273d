"""How the documentation is built: Sphinx over the Markdown pages of this folder, reference pages read from the code.

``make docs`` builds it, with warnings as errors.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mlops

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "reference"))

project = "mlops-framework"
author = "the mlops-framework developers"
version = release = mlops.__version__
extensions = ["myst_parser", "sphinx_click", "tables"]
exclude_patterns = ["pictures", "reference/*.py"]
html_theme = "furo"
html_title = f"mlops-framework {version}"
html_copy_source = False
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nitpicky = False
