"""The commands of `python main.py` beside `serve`: one module a command."""
