"""The settings of Sphinx for the site of the pages in `docs`; ``make docs`` builds it.

What the site adds to Sphinx is in `docs/site`. The pages know nothing of it: they are CommonMark.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

os.environ["JUPYTER_PATH"] = str(ROOT / "docs" / "site" / "jupyter")

from docs.site import extension  # noqa: E402, the path is set first

project = "tinygrad_edu"
author = copyright = "The tinygrad_edu authors"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "docs.site.extension",
]
exclude_patterns = ["site", "slides", "transcripts", "images"]
language = "en"
smartquotes = False  # quotes are often those of code

# Pages: CommonMark with tables; headings have anchors, as on GitHub.
myst_heading_anchors = 6
nb_custom_formats = {".md": ("docs.site.pages.to_notebook", {}, False)}
nb_execution_mode = "cache"
nb_execution_cache_path = str(extension.cache_folder())
nb_execution_in_temp = True
nb_execution_show_tb = True  # a block that fails is a warning, and a warning fails the build
nb_execution_timeout = 300
nb_merge_streams = True
nb_output_stderr = "warn"

# The reference: signatures without types, which the docstrings explain.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_param = False  # or the word "shape" in a type would be a link to Tensor.shape
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
default_role = "code"
toc_object_entries = False
python_maximum_signature_line_length = 76

html_theme = "furo"
html_title = "tinygrad_edu"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_search_summary = False  # it cannot be read where the site is opened as a file
html_theme_options = extension.THEME
pygments_style = "friendly"
pygments_dark_style = "monokai"
