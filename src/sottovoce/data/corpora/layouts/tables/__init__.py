"""Code that layouts of lists and tables share.

Modules:
    cells: the rows and cells of a table.
    annotations: turns, scored regions and slots of the recordings in a table.
    turns: the turns and regions of RTTM and UEM files.
    unique_names: names of utterances for lists without names.
"""
