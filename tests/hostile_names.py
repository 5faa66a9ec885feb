"""Names that look like markup, code or nothing at all; wherever they go, they must stay text."""

# They have broken graph drawings elsewhere.
HOSTILE = [
    "<x>]; evil [label=<y>",
    "<script>alert(1)</script>",
    'a"]; evil [label="b',
    "tail\\",
    r"\N \G \l \T",
    "&lt;b&gt; &amp; &#60;",
    "a|b{c}<p>",
    "a\x01b\x1fc",
    "abc\u202edef",
    "🙂 Ω μ∂ 中文",
    "a\nb\r\nc",
    "100%",
    "\x00nul",
    "\ud800sur",
    "",
    "   ",
    "x" * 500,
    "]]>",
    "--><!--",
    "</TD></TR></TABLE>",
    '<IMG SRC="/etc/passwd"/>',
]
