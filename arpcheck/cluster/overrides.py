"""What the command line changes in a context, as kubectl's options do (client-go tools/clientcmd, ConfigOverrides)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from arpcheck.errors import ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """None, or false: as in the kubeconfig. Paths are absolute."""

    cluster: str | None = None
    """The name of another entry of `clusters`."""
    user: str | None = None
    """The name of another entry of `users`."""
    server: str | None = None
    certificate_authority: str | None = None
    tls_server_name: str | None = None
    insecure: bool = False
    token_file: str | None = None

    def check(self) -> None:
        """Raises ClusterError for a file that this process may not read."""
        for option, path in (("--token-file", self.token_file), ("--certificate-authority", self.certificate_authority)):
            if path is not None:
                try:
                    with open(path, "rb") as file:
                        file.read(1)
                except (OSError, ValueError) as error:
                    why = getattr(error, "strerror", None) or "not a path"
                    raise ClusterError(f"{option} {path}: {why}", "Name a file that you may read") from None

    @property
    def moves_credentials(self) -> bool:
        """Whether the credentials of the kubeconfig may reach a server that the kubeconfig does not name for them."""
        return bool(
            self.cluster
            or self.user
            or self.server
            or self.certificate_authority
            or self.tls_server_name
            or self.insecure
            or self.token_file
        )

    def of_cluster(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """As DirectClientConfig.getCluster: an authority replaces the one of the entry and its data, a server also the name
        in its certificate."""
        found = dict(entry)
        if self.insecure or self.certificate_authority:
            for key in ("certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"):
                found.pop(key, None)
        if self.server or self.tls_server_name:
            found.pop("tls-server-name", None)
        given = {
            "server": self.server,
            "certificate-authority": self.certificate_authority,
            "tls-server-name": self.tls_server_name,
            "insecure-skip-tls-verify": self.insecure or None,
        }
        return found | {key: value for key, value in given.items() if value is not None}

    def of_user(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """A token takes the place of all other credentials: beside a client certificate the server would not look at it."""
        if self.token_file is None:
            return dict(entry)
        kept = {key: value for key, value in entry.items() if key.startswith("as")}
        return kept | {"tokenFile": self.token_file}
