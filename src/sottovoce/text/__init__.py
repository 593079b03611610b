"""Text in and out: reads text files and YAML that people write, and writes messages, tables and JSON.

`text_files`    the lines of text files
`yaml_text`     YAML that people write, read with limits
`plain_data`    numbers and tables in plain data
`plain_json`    JSON that every parser reads
`one_line`      errors of damaged checkpoints, in one line
`suggestions`   did you mean ...?
`plain_tables`  tables in plain text
"""
