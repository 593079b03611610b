"""A head, a task, a stage and a kind of unit that cannot be imported: whatever does not ask for them works without them."""

raise RuntimeError("two lines\nof one fault")
