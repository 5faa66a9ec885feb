"""The first cell of each page, which is not shown: it sets the kernel up.

Warnings are errors. Only results that have a picture or a table are displayed. Code has the file
names ``my_code_0.py``, ``my_code_1.py``, ..., as in the tests of the pages.
"""


def _set_up(shell):
    import itertools
    import re
    import shlex
    import warnings

    numbers = itertools.count()

    def code_name(raw_code, transformed_code, number):
        return f"my_code_{next(numbers)}.py"

    def run_in_terminal(session):
        """Run the commands of a session as a terminal would; what they print is on the page."""
        import contextlib
        import io

        from nn.cli import main

        for step in re.split(r"^\$ ", session, flags=re.M)[1:]:
            command, shown = re.match(r"((?:.*\\\n)*.*\n?)((?s:.*))", step).groups()
            program, *words = shlex.split(command.replace("\\\n", " "), comments=True)
            if program != "tinygrad-edu":
                raise RuntimeError(f"only tinygrad-edu is run on a page, not {program}")
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                code = main(words)
            if (code == 2) != ("error:" in shown):
                raise RuntimeError(f"{command.strip()} ended with {code}: {printed.getvalue()}")

    def rich(format_of):
        def formatted(result, *arguments, **options):
            shown, described = format_of(result, *arguments, **options)
            return (shown, described) if set(shown) - {"text/plain"} else ({}, {})

        return formatted

    def png(figure):
        import io

        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=110, bbox_inches="tight")
        return file.getvalue()

    shell.compile.get_code_name = code_name
    formatter = shell.display_formatter
    formatter.formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", png)
    formatter.format = rich(formatter.format)
    shell.user_ns["run_in_terminal"] = run_in_terminal
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", module="ipykernel")


_set_up(get_ipython())  # noqa: F821, a name of every kernel
del _set_up
