"""`make screenshots`: every page of a server that looks after a sample household, as a desktop and a phone see it in both themes."""

import argparse

from scripts.screenshots import world

if __name__ == '__main__':
    parser = argparse.ArgumentParser(prog='python -m scripts.screenshots', description=__doc__)
    parser.add_argument(
        '--only',
        nargs='+',
        default=[],
        metavar='NAME',
        help='take these pictures anew (client, browse-folder …)',
    )
    parser.add_argument('--serve', action='store_true', help='take none, and keep the server up until Ctrl+C')
    wanted = parser.parse_args()
    world.enter()
    from scripts.screenshots import sample  # what it imports must come from inside

    sample.main(wanted)
