"""The operations: the table of cases, what is made from it, and what a table cannot say."""
