"""Who spoke when: powerset classes, clustering of voices, and the pipeline that joins them over audio of any length."""
