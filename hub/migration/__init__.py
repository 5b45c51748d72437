"""Takes over a legacy installation: reads its file, moves it into a network, verifies, goes back.

Pure: `legacy_rows` (what a legacy row is), `values` and `conversion` (what becomes of it),
`mapping_back` (which one a moved row came from). Files: `files`, `source` (copies and reads a
legacy file), `placing` (puts one in its place), `export` (writes one), `folder` (of the copies).
The network: `target`, `writing`, `statements`. What `mira-hub migrate` does with them: `plan`,
`runs` (with `moving` and `verification`), `status`, `adoption`, `rollback`, `clients`,
`application`.
"""
