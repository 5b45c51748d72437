"""Takes over a legacy installation: reads its file, moves it into a network, verifies, goes back.

`legacy_rows` says what a legacy row is, `conversion` what becomes of it (and back again), both
without a database. `source` reads legacy files, `target` writes networks. `moving`, `verification`,
`adoption` and `rollback` are what `mira-hub migrate` does with them.
"""
