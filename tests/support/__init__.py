"""What the tests have in common: real servers, clients and browsers."""

import pytest

pytest.register_assert_rewrite('tests.support')
