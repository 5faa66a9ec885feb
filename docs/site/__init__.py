"""Makes a site of the pages in `docs`: ``make docs``.

The pages are plain CommonMark. Sphinx, MyST-NB and Furo are known here and in `docs/conf.py` only.
"""
