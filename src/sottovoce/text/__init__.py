"""Text in and out: what every room needs to read files of people and to write messages and JSON.

`text_files`    lines of lists and references
`yaml_text`     YAML of people, without trust
`plain_json`    JSON that every parser reads
`one_line`      errors of damaged checkpoints, in one line
`suggestions`   did you mean ...?
`plain_tables`  tables in plain text
"""
