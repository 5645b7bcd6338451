"""Every implementation and version: what is said of each address of its fixture, all of it."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from loadbalancers_objects import AT, cluster, lines, service

from arpcheck.loadbalancers import announcements
from arpcheck.objects import Objects

CASES = [
    pytest.param(
        "antrea-1.6.0",
        "shop/web",
        "192.168.10.92",
        [
            "antrea (4: annotation service.antrea.io/external-ip-pool)",
            "current 0 worker-1 by Service shop/web status.loadBalancer.ingress[].hostname",
        ],
        id="antrea-1.6.0: shop/web",
    ),
    pytest.param(
        "antrea-2.1",
        "shop/web",
        "192.168.10.92",
        [
            "antrea (4: annotation service.antrea.io/external-ip-pool)",
        ],
        id="antrea-2.1: shop/web",
    ),
    pytest.param(
        "calico-3.30",
        "shop/web",
        "192.168.10.95",
        [
            "calico (3: loadBalancerClass calico)",
            "silence: announced by BGP only",
        ],
        id="calico-3.30: shop/web",
    ),
    pytest.param(
        "calico-3.34",
        "shop/web",
        "192.168.10.95",
        [
            "calico (4: annotation projectcalico.org/loadBalancerIPs)",
        ],
        id="calico-3.34: shop/web",
    ),
    pytest.param(
        "cilium-1.15",
        "shop/routed",
        "172.20.0.1",
        [
            "cilium (4: annotation io.cilium/lb-ipam-ips)",
            "silence: announced by BGP only",
        ],
        id="cilium-1.15: shop/routed",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/web",
        "192.168.10.50",
        [
            "cilium (3: loadBalancerClass io.cilium/l2-announcer)",
            "current 0 worker-2 by Lease kube-system/cilium-l2announce-shop-web at 10:41:55",
        ],
        id="cilium-1.18: shop/web",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/late",
        "192.168.10.51",
        [
            "cilium (4: condition cilium.io/IPAMRequestSatisfied)",
            "possibly-stale 0 worker-2 by Lease kube-system/cilium-l2announce-shop-late at 10:41:44",
        ],
        id="cilium-1.18: shop/late",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/released",
        "192.168.10.52",
        [
            "cilium (4: annotation lbipam.cilium.io/ips)",
        ],
        id="cilium-1.18: shop/released",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/routed",
        "172.20.0.1",
        [
            "cilium (4: annotation io.cilium/lb-ipam-ips)",
            "silence: announced by BGP only",
        ],
        id="cilium-1.18: shop/routed",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/classed",
        "172.20.0.2",
        [
            "cilium (3: loadBalancerClass io.cilium/bgp-control-plane)",
            "silence: announced by BGP only",
        ],
        id="cilium-1.18: shop/classed",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/forgotten",
        "192.168.10.53",
        [
            "cilium (3: loadBalancerClass io.cilium/l2-announcer)",
        ],
        id="cilium-1.18: shop/forgotten",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/nodal",
        "192.168.10.12",
        [
            "cilium (2: loadBalancerClass io.cilium/node)",
            "current 0 worker-2 by Node worker-2",
        ],
        id="cilium-1.18: shop/nodal 192.168.10.12",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/nodal",
        "203.0.113.9",
        [
            "cilium (3: loadBalancerClass io.cilium/node)",
        ],
        id="cilium-1.18: shop/nodal 203.0.113.9",
    ),
    pytest.param(
        "cilium-1.18",
        "a/b-c",
        "192.168.10.54",
        [
            "cilium (5: Lease kube-system/cilium-l2announce-a-b-c)",
            "current 0 worker-3 by Lease kube-system/cilium-l2announce-a-b-c at 10:41:59",
        ],
        id="cilium-1.18: a/b-c",
    ),
    pytest.param(
        "cilium-1.18",
        "a-b/c",
        "192.168.10.55",
        [
            "cilium (5: Lease kube-system/cilium-l2announce-a-b-c)",
            "current 0 worker-3 by Lease kube-system/cilium-l2announce-a-b-c at 10:41:59",
        ],
        id="cilium-1.18: a-b/c",
    ),
    pytest.param(
        "cilium-1.18",
        "edge/both",
        "192.168.10.56",
        [
            "cilium (5: Lease kube-system/cilium-l2announce-edge-both)",
        ],
        id="cilium-1.18: edge/both 192.168.10.56",
    ),
    pytest.param(
        "cilium-1.18",
        "edge/both",
        "192.168.10.80",
        [
            "cilium (5: Lease kube-system/cilium-l2announce-edge-both)",
            "current 0 worker-1 by Lease kube-system/cilium-l2announce-edge-both at 10:41:59",
        ],
        id="cilium-1.18: edge/both 192.168.10.80",
    ),
    pytest.param(
        "cilium-1.18",
        "shop/plain",
        "192.168.10.57",
        [
            "None (3: loadBalancerClass example.com/other, which no known load balancer serves)",
        ],
        id="cilium-1.18: shop/plain",
    ),
    pytest.param(
        "cloud-1.33",
        "shop/web",
        "192.0.2.77",
        [
            "cloud (4: finalizer service.kubernetes.io/load-balancer-cleanup)",
        ],
        id="cloud-1.33: shop/web",
    ),
    pytest.param(
        "cloud-1.33",
        "shop/vip",
        "192.0.2.78",
        [],
        id="cloud-1.33: shop/vip",
    ),
    pytest.param(
        "k3s-1.33",
        "kube-system/traefik",
        "192.168.10.11",
        [
            "servicelb (2: DaemonSet kube-system/svclb-traefik-1a2b3c4d)",
            "current 0 worker-1 by DaemonSet kube-system/svclb-traefik-1a2b3c4d",
        ],
        id="k3s-1.33: kube-system/traefik 192.168.10.11",
    ),
    pytest.param(
        "k3s-1.33",
        "kube-system/traefik",
        "192.168.10.12",
        [
            "servicelb (2: DaemonSet kube-system/svclb-traefik-1a2b3c4d)",
            "current 0 worker-2 by DaemonSet kube-system/svclb-traefik-1a2b3c4d",
        ],
        id="k3s-1.33: kube-system/traefik 192.168.10.12",
    ),
    pytest.param(
        "k3s-1.33",
        "shop/web",
        "192.168.10.13",
        [
            "servicelb (6: the address is worker-3's own)",
            "current 0 worker-3 by Node worker-3",
        ],
        id="k3s-1.33: shop/web",
    ),
    pytest.param(
        "k3s-1.33",
        "shop/api",
        "192.168.10.50",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "current 0 worker-2 by ServiceL2Status metallb-system/l2-k3s",
            "servicelb (5: DaemonSet kube-system/svclb-api-0f0f0f0f)",
        ],
        id="k3s-1.33: shop/api",
    ),
    pytest.param(
        "k3s-1.33",
        "shop/classed",
        "192.168.10.11",
        [
            "None (3: loadBalancerClass example.com/other, which no known load balancer serves)",
        ],
        id="k3s-1.33: shop/classed",
    ),
    pytest.param(
        "kube-ovn-1.13",
        "shop/web",
        "192.168.10.90",
        [
            "kube-ovn (4: annotation ovn.kubernetes.io/attachmentprovider)",
            "current 0 worker-2 by Pod shop/lb-svc-web-6d9f-x7h2p",
            "mac 00:00:00:c4:55:66: macvlan of Pod shop/lb-svc-web-6d9f-x7h2p",
        ],
        id="kube-ovn-1.13: shop/web",
    ),
    pytest.param(
        "kube-ovn-1.13",
        "shop/down",
        "192.168.10.91",
        [
            "kube-ovn (4: annotation ovn.kubernetes.io/attachmentprovider)",
        ],
        id="kube-ovn-1.13: shop/down",
    ),
    pytest.param(
        "kube-vip-0.6.4",
        "shop/web",
        "192.168.10.60",
        [
            "kube-vip (4: annotation kube-vip.io/vipHost)",
            "current 1 worker-2 by Lease kube-system/plndr-svcs-lock at 10:41:58",
            "possibly-stale 2 worker-1 by annotation kube-vip.io/vipHost",
        ],
        id="kube-vip-0.6.4: shop/web",
    ),
    pytest.param(
        "kube-vip-0.6.4",
        "shop/strange",
        "192.168.10.61",
        [
            "kube-vip (4: annotation kube-vip.io/vipHost)",
            "possibly-stale 2 ip-10-0-0-9 by annotation kube-vip.io/vipHost",
        ],
        id="kube-vip-0.6.4: shop/strange",
    ),
    pytest.param(
        "kube-vip-1.0.1",
        "shop/web",
        "192.168.10.60",
        [
            "kube-vip (3: loadBalancerClass kube-vip.io/kube-vip-class)",
            "current 0 worker-2 by Lease shop/kubevip-web at 10:41:58",
            "possibly-stale 2 worker-1 by annotation kube-vip.io/vipHost",
        ],
        id="kube-vip-1.0.1: shop/web",
    ),
    pytest.param(
        "kube-vip-1.0.1",
        "shop/api",
        "192.168.10.61",
        [
            "kube-vip (4: annotation kube-vip.io/vipHost)",
            "current 0 worker-3 by Lease edge/common at 10:41:58",
            "possibly-stale 2 worker-3 by annotation kube-vip.io/vipHost",
        ],
        id="kube-vip-1.0.1: shop/api",
    ),
    pytest.param(
        "kube-vip-1.0.1",
        "shop/lost",
        "192.168.10.62",
        [
            "kube-vip (4: annotation kube-vip.io/vipHost)",
            "possibly-stale 0 worker-1 by Lease shop/kubevip-lost at 10:30:00",
            "possibly-stale 2 worker-1 by annotation kube-vip.io/vipHost",
        ],
        id="kube-vip-1.0.1: shop/lost",
    ),
    pytest.param(
        "kube-vip-1.0.1",
        "shop/dhcp",
        "192.168.10.63",
        [
            "kube-vip (4: annotation kube-vip.io/vipHost)",
            "current 0 worker-1 by Lease shop/kubevip-dhcp at 10:41:58",
            "possibly-stale 2 worker-1 by annotation kube-vip.io/vipHost",
            "mac 00:00:6c:0a:77:23: annotation kube-vip.io/hwaddr",
        ],
        id="kube-vip-1.0.1: shop/dhcp",
    ),
    pytest.param(
        "kube-vip-1.0.1",
        "shop/not-ours",
        "192.168.10.64",
        [],
        id="kube-vip-1.0.1: shop/not-ours",
    ),
    pytest.param(
        "kube-vip-1.0.1",
        "shop/fresh",
        "192.168.10.65",
        [
            "kube-vip (5: Lease shop/kubevip-fresh)",
            "current 0 worker-2 by Lease shop/kubevip-fresh at 10:41:58",
        ],
        id="kube-vip-1.0.1: shop/fresh",
    ),
    pytest.param(
        "loxilb-0.9",
        "shop/web",
        "192.168.10.93",
        [
            "loxilb (3: loadBalancerClass loxilb.io/loxilb)",
        ],
        id="loxilb-0.9: shop/web",
    ),
    pytest.param(
        "loxilb-0.9",
        "shop/api",
        "192.168.10.94",
        [
            "loxilb (4: annotation loxilb.io/lbmode)",
        ],
        id="loxilb-0.9: shop/api",
    ),
    pytest.param(
        "metallb-0.12.1",
        "shop/web",
        "192.168.10.50",
        [
            "metallb (5: Event shop/web nodeAssigned)",
            "current 1 worker-1 by Event shop/web nodeAssigned at 10:41:00",
        ],
        id="metallb-0.12.1: shop/web",
    ),
    pytest.param(
        "metallb-0.12.1",
        "shop/routed",
        "192.168.10.51",
        [
            "metallb (5: Event shop/routed nodeAssigned)",
            "possibly-stale 1 worker-1 by Event shop/routed nodeAssigned at 10:30:00",
            "possibly-stale 1 worker-2 by Event shop/routed nodeAssigned at 10:31:00",
        ],
        id="metallb-0.12.1: shop/routed",
    ),
    pytest.param(
        "metallb-0.12.1",
        "shop/old",
        "192.168.10.52",
        [],
        id="metallb-0.12.1: shop/old",
    ),
    pytest.param(
        "metallb-0.13.12",
        "shop/web",
        "192.168.10.50",
        [
            "metallb (4: annotation metallb.universe.tf/ip-allocated-from-pool)",
            "current 1 worker-1 by Event shop/web nodeAssigned at 10:10:00",
            "current 1 worker-2 by Event shop/web nodeAssigned at 10:40:00",
        ],
        id="metallb-0.13.12: shop/web",
    ),
    pytest.param(
        "metallb-0.13.12",
        "shop/api",
        "192.168.10.51",
        [
            "metallb (4: annotation metallb.universe.tf/ip-allocated-from-pool)",
            "possibly-stale 1 worker-3 by Event shop/api nodeAssigned at 09:41:59",
        ],
        id="metallb-0.13.12: shop/api",
    ),
    pytest.param(
        "metallb-0.13.12",
        "shop/new",
        "192.168.10.52",
        [
            "metallb (4: annotation metallb.universe.tf/ip-allocated-from-pool)",
            "guess 2 worker-2 by recomputed election (sha256 of node#address)",
        ],
        id="metallb-0.13.12: shop/new",
    ),
    pytest.param(
        "metallb-0.13.12",
        "shop/tie",
        "192.168.10.53",
        [
            "metallb (4: annotation metallb.universe.tf/ip-allocated-from-pool)",
            "current 1 worker-1 by Event shop/tie nodeAssigned at 10:41:00",
            "current 1 worker-2 by Event shop/tie nodeAssigned at 10:41:00",
        ],
        id="metallb-0.13.12: shop/tie",
    ),
    pytest.param(
        "metallb-0.13.12",
        "shop/back",
        "192.168.10.54",
        [
            "metallb (4: annotation metallb.universe.tf/ip-allocated-from-pool)",
            "current 1 worker-1 by Event shop/back nodeAssigned at 10:21:00",
        ],
        id="metallb-0.13.12: shop/back",
    ),
    pytest.param(
        "metallb-0.14.4",
        "shop/web",
        "192.168.10.50",
        [
            "metallb (4: annotation metallb.universe.tf/ip-allocated-from-pool)",
            "current 0 worker-3 by ServiceL2Status shop/web-worker-3 at 08:00:00",
        ],
        id="metallb-0.14.4: shop/web",
    ),
    pytest.param(
        "metallb-0.14.4",
        "blog/web",
        "192.168.10.51",
        [
            "metallb (4: annotation metallb.universe.tf/ip-allocated-from-pool)",
        ],
        id="metallb-0.14.4: blog/web",
    ),
    pytest.param(
        "metallb-0.14.9",
        "shop/web",
        "192.168.10.50",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "current 0 worker-2 by ServiceL2Status metallb-system/l2-7kzqd at 08:00:00",
            "current 1 worker-1 by Event shop/web nodeAssigned at 09:50:00",
            "current 1 worker-2 by Event shop/web nodeAssigned at 10:41:07",
        ],
        id="metallb-0.14.9: shop/web",
    ),
    pytest.param(
        "metallb-0.14.9",
        "shop/api",
        "192.168.10.51",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "current 0 worker-1 by ServiceL2Status metallb-system/l2-q2xvn at 10:41:59",
        ],
        id="metallb-0.14.9: shop/api",
    ),
    pytest.param(
        "metallb-0.14.9",
        "shop/db",
        "192.168.10.52",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "current 0 worker-1 by ServiceL2Status metallb-system/l2-aaaaa at 09:00:00",
            "current 0 worker-2 by ServiceL2Status metallb-system/l2-bbbbb at 10:00:00",
        ],
        id="metallb-0.14.9: shop/db",
    ),
    pytest.param(
        "metallb-0.14.9",
        "shop/idle",
        "192.168.10.53",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "possibly-stale 1 worker-1 by Event shop/idle nodeAssigned at 10:30:00",
        ],
        id="metallb-0.14.9: shop/idle",
    ),
    pytest.param(
        "metallb-0.14.9",
        "shop/cut",
        "192.168.10.54",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
        ],
        id="metallb-0.14.9: shop/cut",
    ),
    pytest.param(
        "metallb-0.14.9",
        "shop/other",
        "192.168.10.99",
        [],
        id="metallb-0.14.9: shop/other",
    ),
    pytest.param(
        "metallb-0.14.9-bgp",
        "shop/web",
        "172.20.0.1",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "silence: pool routed is announced only by BGP",
        ],
        id="metallb-0.14.9-bgp: shop/web",
    ),
    pytest.param(
        "metallb-0.14.9-bgp",
        "shop/bare",
        "172.20.0.2",
        [
            "metallb (5: Event shop/bare)",
            "silence: pool routed is announced only by BGP",
        ],
        id="metallb-0.14.9-bgp: shop/bare",
    ),
    pytest.param(
        "metallb-0.14.9-bgp",
        "shop/nobody",
        "192.168.10.70",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
        ],
        id="metallb-0.14.9-bgp: shop/nobody",
    ),
    pytest.param(
        "metallb-0.14.9-bgp",
        "shop/quiet",
        "192.168.10.50",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "guess 2 worker-2 by recomputed election (sha256 of node#address)",
        ],
        id="metallb-0.14.9-bgp: shop/quiet",
    ),
    pytest.param(
        "metallb-0.16.1",
        "shop/web",
        "192.168.10.50",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
            "current 0 worker-1 by ServiceL2Status metallb-system/l2-mixed at 09:00:00",
            "current 0 worker-2 by ServiceL2Status metallb-system/l2-mixed at 09:00:00",
        ],
        id="metallb-0.16.1: shop/web",
    ),
    pytest.param(
        "metallb-0.16.1",
        "shop/internal",
        "192.168.10.51",
        [
            "metallb (4: annotation metallb.io/ip-allocated-from-pool)",
        ],
        id="metallb-0.16.1: shop/internal",
    ),
    pytest.param(
        "openelb-0.5.1",
        "shop/web",
        "192.168.10.80",
        [
            "openelb (4: annotation layer2.openelb.kubesphere.io/v1alpha1)",
            "current 0 worker-3 by annotation layer2.openelb.kubesphere.io/v1alpha1",
        ],
        id="openelb-0.5.1: shop/web",
    ),
    pytest.param(
        "openelb-0.6.0",
        "shop/web",
        "192.168.10.80",
        [
            "openelb (4: annotation lb.kubesphere.io/v1alpha1)",
        ],
        id="openelb-0.6.0: shop/web",
    ),
    pytest.param(
        "porter-0.4.0",
        "shop/web",
        "192.168.10.80",
        [
            "openelb (4: annotation layer2.porter.kubesphere.io/v1alpha1)",
            "current 0 worker-1 by annotation layer2.porter.kubesphere.io/v1alpha1",
        ],
        id="porter-0.4.0: shop/web",
    ),
    pytest.param(
        "purelb-0.16.6",
        "shop/web",
        "192.168.10.70",
        [
            "purelb (3: loadBalancerClass purelb.io/purelbv2)",
            "current 0 worker-2 by annotation purelb.io/announcing-IPv4",
        ],
        id="purelb-0.16.6: shop/web 192.168.10.70",
    ),
    pytest.param(
        "purelb-0.16.6",
        "shop/web",
        "192.168.10.71",
        [
            "purelb (3: loadBalancerClass purelb.io/purelbv2)",
            "current 0 worker-3 by annotation purelb.io/announcing-IPv4",
        ],
        id="purelb-0.16.6: shop/web 192.168.10.71",
    ),
    pytest.param(
        "purelb-0.16.6",
        "shop/moved",
        "192.168.10.72",
        [
            "purelb (4: annotation purelb.io/allocated-by)",
            "current 1 worker-3 by Event shop/moved AnnouncingLocal at 10:30:00",
            "possibly-stale 0 worker-2 by annotation purelb.io/announcing-IPv4",
            "possibly-stale 0 worker-3 by annotation purelb.io/announcing-IPv4",
        ],
        id="purelb-0.16.6: shop/moved",
    ),
    pytest.param(
        "purelb-0.16.6",
        "shop/open",
        "192.168.10.73",
        [
            "purelb (4: annotation purelb.io/allocated-by)",
            "possibly-stale 0 worker-2 by annotation purelb.io/announcing-IPv4",
            "possibly-stale 0 worker-3 by annotation purelb.io/announcing-IPv4",
            "guess 2 worker-2 by recomputed election (sha256 of node#address)",
        ],
        id="purelb-0.16.6: shop/open",
    ),
    pytest.param(
        "purelb-0.16.6",
        "shop/routed",
        "172.20.0.1",
        [
            "purelb (4: annotation purelb.io/allocated-by)",
            "silence: the pool is remote: the address is routed to every node, and no node announces it here",
        ],
        id="purelb-0.16.6: shop/routed",
    ),
    pytest.param(
        "purelb-0.4.0",
        "shop/web",
        "192.168.10.70",
        [
            "purelb (3: loadBalancerClass purelb.io/purelb)",
            "current 0 worker-1 by annotation purelb.io/announcing-node",
        ],
        id="purelb-0.4.0: shop/web",
    ),
    pytest.param(
        "purelb-0.9.0",
        "shop/web",
        "192.168.10.70",
        [
            "purelb (4: annotation purelb.io/allocated-by)",
            "current 0 worker-2 by annotation purelb.io/announcing-IPv4",
            "current 1 worker-2 by Event shop/web AnnouncingLocal at 10:30:00",
        ],
        id="purelb-0.9.0: shop/web",
    ),
    pytest.param(
        "purelb-0.9.0",
        "shop/routed",
        "172.20.0.1",
        [
            "purelb (4: annotation purelb.io/allocated-by)",
        ],
        id="purelb-0.9.0: shop/routed",
    ),
    pytest.param(
        "rke2-1.33",
        "shop/web",
        "192.168.10.11",
        [
            "servicelb (2: DaemonSet kube-system/svclb-web-1a2b3c4d)",
            "current 0 worker-1 by DaemonSet kube-system/svclb-web-1a2b3c4d",
        ],
        id="rke2-1.33: shop/web",
    ),
]


def said(found: Objects, full_name: str, ip: str) -> list[str]:
    every = announcements(service(found, full_name), IPv4Address(ip), found, AT)
    return [line for one in every for line in lines(one)]


@pytest.mark.parametrize(("version", "full_name", "ip", "expected"), CASES)
def test_what_is_said(version: str, full_name: str, ip: str, expected: list[str]) -> None:
    assert said(cluster(version), full_name, ip) == expected


@pytest.mark.parametrize(("version", "full_name", "ip", "expected"), CASES)
def test_the_order_of_the_objects_does_not_matter(version: str, full_name: str, ip: str, expected: list[str]) -> None:
    found = cluster(version)
    for seed in range(5):
        shuffled = {
            resource: tuple(random.Random(seed).sample(objs, len(objs)))  # noqa: S311
            for resource, objs in found.resources.items()
        }
        assert said(replace(found, resources=shuffled), full_name, ip) == expected
