"""Services as they are named on the command line, and the options that narrow them."""

import pytest

from arpcheck.commands.option_groups import Selection
from arpcheck.errors import UsageError
from arpcheck.evidence import Options
from arpcheck.targets import namespaces, service_names


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (["web"], ("web",)),
        (["web,shop"], ("web", "shop")),
        (["web", "shop"], ("web", "shop")),
        (["web, shop", "web"], ("web", "shop")),
        ([], ()),
    ],
)
def test_namespaces(written, found):
    assert namespaces(written) == found


@pytest.mark.parametrize(
    ("written", "within", "found"),
    [
        (["svc/nginx"], (), ("nginx",)),
        (["service/nginx", "services/api", "SVC/x"], (), ("nginx", "api", "x")),
        (["web/nginx", "web/nginx"], (), ("web/nginx",)),
        (["web/nginx"], ("shop", "web"), ("web/nginx",)),
        (["svc/nginx"], ("web",), ("nginx",)),
    ],
)
def test_services(written, within, found):
    assert service_names(written, within) == found


def test_all_of_several_selectors_must_hold():
    assert Selection(selector=("app=web", "tier in (a,b)", "")).of(Options()).selector == "app=web,tier in (a,b)"


def test_several_classes_and_none():
    assert Selection(load_balancer_class=("x/y", "", "x/y")).of(Options()).load_balancer_classes == ("x/y", "")


def test_a_service_in_another_namespace_than_asked_for():
    with pytest.raises(UsageError, match="shop/api is not in -n web"):
        Selection(namespace=("web",)).of(Options(), ("shop/api",))
