"""The REST API: an application of its own beside the pages, which talks to the engine and to nothing below it."""
