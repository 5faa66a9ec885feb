"""Hand-written gradients, followed while they run: which line is wrong, and what is right instead.

`running` follows the code and runs it with changes, `edits` lists the corrections of a line,
`repairing` finds those that make wrong gradients right. What a mistake is called is decided in
`diagnosing`.
"""
