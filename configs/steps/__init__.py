"""The sections of a recipe, one file a step: frozen specifications that name file, line and key of what is wrong."""
