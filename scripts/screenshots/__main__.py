"""`make screenshots`: every page of a server that looks after a sample household, as a desktop and a phone see it in both themes."""

from scripts.screenshots import world

if __name__ == '__main__':
    world.enter()
    from scripts.screenshots import sample  # what it imports must come from inside

    sample.main()
