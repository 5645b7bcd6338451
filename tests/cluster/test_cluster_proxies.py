"""Which proxy leads to a server: Go's rules, which kubectl's users know; and a proxy that is really used."""

import pytest
from apiserver import ApiServer
from cluster_world import CLUSTER, SERVICES, TOKEN, cluster, names

from arpcheck.cluster import ClusterSource, read
from arpcheck.cluster.login import proxy_for
from arpcheck.errors import ClusterError

PROXY = "http://proxy.example.org:3128"


@pytest.mark.parametrize(
    ("server", "environ", "proxy"),
    [
        pytest.param("https://a.example.org:6443", {}, None, id="none"),
        pytest.param("https://a.example.org:6443", {"HTTPS_PROXY": PROXY}, PROXY, id="upper case"),
        pytest.param("https://a.example.org:6443", {"https_proxy": PROXY}, PROXY, id="lower case"),
        pytest.param("https://a.example.org:6443", {"HTTP_PROXY": PROXY}, None, id="of the other scheme"),
        pytest.param("http://a.example.org", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": "x"}, PROXY, id="http"),
        pytest.param("https://a", {"HTTPS_PROXY": "proxy:3128"}, "http://proxy:3128", id="without a scheme"),
        pytest.param("https://127.0.0.1:6443", {"HTTPS_PROXY": PROXY}, None, id="loopback"),
        pytest.param("https://[::1]:6443", {"HTTPS_PROXY": PROXY}, None, id="loopback, IPv6"),
        pytest.param("https://LOCALHOST:6443", {"HTTPS_PROXY": PROXY}, None, id="localhost"),
        pytest.param("https://a.example.org", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None, id="everything is excepted"),
        pytest.param("https://a.example.org", {"HTTPS_PROXY": PROXY, "NO_PROXY": "x, example.org"}, None, id="a domain"),
        pytest.param(
            "https://a.example.org", {"HTTPS_PROXY": PROXY, "no_proxy": ".example.org"}, None, id="a domain with a dot"
        ),
        pytest.param(
            "https://a.example.org", {"HTTPS_PROXY": PROXY, "NO_PROXY": "ample.org,,"}, PROXY, id="the end of a word"
        ),
        pytest.param("https://10.1.2.3", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, None, id="a network"),
        pytest.param(
            "https://10.1.2.3", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.9.9.9/8"}, None, id="a network with host bits"
        ),
        pytest.param(
            "https://11.1.2.3", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8,0.1.2.3"}, PROXY, id="another network"
        ),
        pytest.param(
            "https://10.1.2.3:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.1.2.3:6443"}, None, id="address and port"
        ),
        pytest.param("https://10.1.2.3:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.1.2.3:443"}, PROXY, id="another port"),
        pytest.param("https://[fd00::1]:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "fd00::/8"}, None, id="IPv6 network"),
        pytest.param(
            "https://[fd00::1]:6443", {"HTTPS_PROXY": PROXY, "NO_PROXY": "[fd00::1]:6443"}, None, id="IPv6 and port"
        ),
    ],
)
def test_proxy_for(server, environ, proxy):
    assert proxy_for(server, environ) == proxy


def test_a_server_on_this_host_is_asked_without_the_proxy(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with cluster(tmp_path) as (_, ask):
        assert names(ask([SERVICES]), "services")


def test_the_kubeconfigs_proxy_is_used(kubeconfig_for):
    """A server stands for the proxy: a plain http request through one names the whole URL."""

    class Proxy(ApiServer):
        def answer(self, request):
            assert request.headers["host"] == "api.example.org"
            return super().answer(request)

    with Proxy(CLUSTER) as proxy:
        path = kubeconfig_for(
            "http://api.example.org", {"proxy-url": proxy.url}, {"token": TOKEN, "exec": {"command": "gone"}}
        )
        assert names(read(ClusterSource(kubeconfig=path), [SERVICES]), "services")
        assert not any("authorization" in request.headers for request in proxy.requests), (
            "in the clear no credentials are sent"
        )


def test_no_credentials_go_to_a_proxy_in_the_clear_even_for_a_server_that_is_said_to_be_here(kubeconfig_for):
    """Over http a proxy reads all; `localhost` is then the proxy's own."""
    with ApiServer(CLUSTER) as proxy:
        path = kubeconfig_for("http://localhost", {"proxy-url": proxy.url}, {"token": TOKEN, "exec": {"command": "gone"}})
        assert names(read(ClusterSource(kubeconfig=path), [SERVICES]), "services")
        assert [request.headers["host"] for request in proxy.requests][:1] == ["localhost"]
        assert not any("authorization" in request.headers for request in proxy.requests)


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        pytest.param(f"http://user:{TOKEN}@127.0.0.1:9", "connection refused", id="not there"),
        pytest.param(f"gopher://{TOKEN}@127.0.0.1:9", None, id="of no scheme"),
        pytest.param(f"socks5://{TOKEN}@127.0.0.1:9", None, id="SOCKS, without its library or a server"),
        pytest.param("http://[::1", None, id="no URL"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_can_not_be_used(kubeconfig_for, proxy, why, scheme):
    with pytest.raises(ClusterError, match=why) as error:
        read(ClusterSource(kubeconfig=kubeconfig_for(f"{scheme}://api.example.org", {"proxy-url": proxy})), [SERVICES])
    assert TOKEN not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_proxy_that_refuses_the_tunnel(tmp_path, kubeconfig_for):
    with cluster(tmp_path) as (proxy, _), pytest.raises(ClusterError) as error:
        read(ClusterSource(kubeconfig=kubeconfig_for("https://api.example.org", {"proxy-url": proxy.url})), [SERVICES])
    assert "\n" not in str(error.value)
