"""One file a chapter, and the parts that chapters share."""
