"""How the documentation is built: ``sphinx-build -W --keep-going -n docs OUT``, with nothing fetched, then or when it is read.

LONGTAIL_GALLERY says which simulations of the gallery are run anew: ``fast`` (the default: those on record as taking no more than
two seconds), ``none``, or ``all`` (minutes). The others are drawn from the tables on record, docs/tables.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import longtail  # noqa: E402 - of this checkout, found by the path above

pd.set_option("display.max_colwidth", None)  # of claims, in pages that show them

project = "longtail"
author = "The longtail developers"
project_copyright = author
release = version = longtail.__version__

extensions = ["myst_parser", "sphinx_gallery.gen_gallery", "sphinx.ext.autodoc", "site_math", "site_reference"]
exclude_patterns = ["learn/*.rst", "made/gallery/*", "out"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
root_doc = "index"
nitpicky = True
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "pydata_sphinx_theme"
html_title = "longtail"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {name: [] for name in ("index", "claims", "peers", "citing", "search", "genindex", "py-modindex")}
html_theme_options = {
    "show_nav_level": 1,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "back_to_top_button": False,
}

sphinx_gallery_conf = {
    "examples_dirs": ["learn", "made/gallery"],
    "gallery_dirs": ["made/learn", "made/simulations"],
    "filename_pattern": os.sep,
    "within_subsection_order": "site_gallery.Order",
    "image_scrapers": ("site_gallery",),
    "reset_modules": (),
    "capture_repr": ("_repr_html_", "__repr__"),
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "copyfile_regex": r".*\.rst",
}
