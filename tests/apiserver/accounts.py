"""Tokens of service accounts, and what RBAC's objects in the store allow them. Pure but for the clock of who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apiserver.rights import Rights
from apiserver.store import Store
from arpcheck.objects import items, name, namespace, text

RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whom a token belongs to."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def groups(self) -> tuple[str, ...]:
        return "system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated"


def rights(store: Store, account: Account) -> Rights:
    return Rights(user=account.user, denied=(), rules=tuple(_rules(store, account)))


def _rules(store: Store, account: Account) -> Iterator[Mapping[str, Any]]:
    for stored in store.view(f"clusterrolebindings.{RBAC}").values():
        if _names(stored.obj, account):
            yield from _of_role(store, stored.obj, "")
    for stored in store.view(f"rolebindings.{RBAC}").values():
        if _names(stored.obj, account):
            within = namespace(stored.obj)
            yield from ({**rule, "namespace": within} for rule in _of_role(store, stored.obj, within))


def _names(binding: Mapping[str, Any], account: Account) -> bool:
    return any(_is(subject, account) for subject in items(binding, "subjects"))


def _is(subject: Any, account: Account) -> bool:
    match text(subject, "kind"):
        case "ServiceAccount":
            return (text(subject, "namespace"), text(subject, "name")) == (account.namespace, account.name)
        case "User":
            return text(subject, "name") == account.user
        case "Group":
            return text(subject, "name") in account.groups
    return False


def _of_role(store: Store, binding: Mapping[str, Any], within: str) -> tuple[Any, ...]:
    """A role that is not there grants nothing."""
    kind, called = text(binding, "roleRef", "kind"), text(binding, "roleRef", "name")
    found = store.find(f"{kind.lower()}s.{RBAC}", within if kind == "Role" else "", called)
    return items(found, "rules")


def service_account(store: Store, space: str, called: str) -> Account | None:
    """None where there is no such object: its tokens are refused then."""
    found = store.find("serviceaccounts", space, called)
    return Account(namespace=space, name=name(found)) if found else None
