"""The words that redaction keeps: those that Kubernetes and arpcheck's plug-ins use in objects, labels, flags and events.

Every other word of an object counts as a secret. A plug-in that searches for a new word adds it here."""

from __future__ import annotations

import re

_LISTED = """
0a 0c 100m 16mi 1c 32mi 3e 5d 5m a account acquire acquiretime active activedeadlineseconds addon addonmanager addr address
addresses addresstype adj advertisement advertisements advertisementtype affinity after agent agents ako aks all allocated
allocationfailed allow allowprivilegeescalation alpha already also amazonaws amd64 and anetd annotated annotation annotations
announce announced announcefailed announcement announcementpolicies announcements announcer announces announcing
announcinglocal ansible answer antrea api apiserverinternalip apiserverinternalips apiversion app application apply apps arg
argo argocd argoproj args arguments arm64 arp arpa arpcheck ash assigned attachment attachmentprovider auto autoassign
automount automountserviceaccounttoken avi avoidbuggyips aws azure b back backend backoff backofflimit bad balancer balancers
bare baremetalhost base bash batch bc before beta bf bgp bgpadvertisement bgpadvertisements bigip bin bind bindaddress
bindaddresshardfail bond bonding bool boot bootmacaddress br bridge busybox by c cali calico cannot capabilities catatonit
cattle causes cbaseloader change changed chrt cidrs cilium ciliumbgpadvertisements ciliumbgppeeringpolicies
ciliuml2announcementpolicies ciliuml2announcementpolicy ciliumloadbalancerippools cis class cleanup client clientconnection
clientip cloud cluster clustercidr clusterconfig clusterip clusterips clusternetwork cni code com combined command component
condition conditions conf config configmap configmaps configsyncperiod configuration configurations configurationstate
configurationstates configured configz connection conntrack container containers containerstatuses contenttype context
control controller controllerrevision controllerrevisions controllers coordination coreos count cp cpu crd create created
creation creationtimestamp current currentstate daemon daemonset daemonsets dash dashboard data datapath dataplane deadline
default delete denied deprecated deprecatedlasttimestamp describe desired desirednumberscheduled detect detectlocal
detectlocalmode dev device devices differs disable disabled discovery diskpressure dns do docker does doesn doesnotexist drop
dst dumb dummy duration during dynamic e edit ee effect egressip egressips eip eips eks election enable enableprofiling
enableservicelinks end endpoint endpoints endpointslices ensure entry env error errorsummary erspan escalation etc etcd ether
ethernet event events eventtime exclude excludecidrs exe exec execution exgw exist exists exit exitcode export exporter
expressions external externaldns externalip externalips externalname externaltrafficpolicy extra extraargs f f5 facts fail
failed failover falls false family fe80 feature featuregates felix felixconfigurations fetch field fieldpath fieldref fields
fieldsv1 file filesystem finalizer finalizers finished finishedat first firsttimestamp flags flannel fleetagent float flux
fluxcd for forbidden force forceperserviceelection forward fqdn from gardener gates gateway gateways genev geneve get gives
gke glbp global go grace gre gretap group gw gwbridge hardware hardwaredata has hashicorp heading headlamp healthz
healthzbindaddress heard helm helmchartconfig hh holder holderidentity host hostname hostnameoverride hostnetwork hostpath
hosts hsrp http https hw hwaddr hwaddress hyperkube id identities identity if iface ifb ifname ifnotpresent ignore ignored
image imagepullpolicy implementation in incompatible incomplete inet info infrastructures ingress ingressip ingressips init
inspection instance int interface interfaces internal internaldns internalip invalid inventory involved involvedobject io
ionice iov ip ip6tnl ipaddress ipaddresspools ipaddresspoolselectors ipallocated ipam ipamrequestsatisfied ipmode ips
iptables ipv ipv4 ipv4address ipv4ipiptunneladdr ipv4pools ipv4vxlantunneladdr ipv6 ipv6address ipvs ipvs0 ipvsstrictarp is
items job json k k0s k0scontroller k0sproject k3s k8s k9s kernel kernelspace key keys kind kkp known kops ksh ku kub kube
kubeadm kubec kubectl kubelet kubelethassufficientmemory kubeletready kubeletversion kubelite kubeovn kubeproxy
kubeproxyconfig kubeproxyconfiguration kubeproxyipvs kubeproxymode kubermatic kubernetes kubesphere kubespray kubevip
kustomize l2 l2advertisement l2advertisements l2announce l3 label labels last lasterror lastheartbeattime lastobservedtime
laststate lastsuccessfulupdatetime lasttimestamp lasttransitiontime layer layer2 lb lb0 lbipam leadership lease
leasedurationseconds leasename leases leasetransitions leftovers lens level lib lifetime limit limits line link linkinfo
links linux list lladdr lo load loadbalancer loadbalancerclass loadbalancerfailed loadbalancerip loadbalancerips
loadbalancersourceranges loaded loader local localhost localsubnetl2reachability lock log logging logs loss lower loxilb lxc
mac macaddr macaddress machine macs macvlan macvtap managed managedfields management manager manifest manifests map mapping
master match matchexpressions matchfields matchlabels memberlist memory memorypressure merge message meta metadata metal
metallb metrics metricsbindaddress mgmt micro microk8s min minsyncperiod mismatch misplaced misspelt mode more mount
mountpath mounts mozilla mp n na name names namespace namespaces namespaceselectors needed needs net network networking
networkunavailable never nftables nic nice nics nlb nlmon nmstate no node nodeaffinity nodeassigned nodeinfo nodelocaldns
nodename nodenetworkstate nodenetworkstates nodeport nodeportaddresses nodes nodeselector nodeselectors nodeselectorterms
nodestatus noexecute nohup non none normal noschedule not note notes nothing notin notready nsenter null number numberready
object observed oc oddity of older on ondelete only oom oomscoreadj opaque open openelb openlens openshift operating
operatingsystem operator operstate ops or org origin os osimage out overlays override ovn ovn0 ovs own owner ownerreferences
owning path pending per period perm permaddr permission phase pidpressure plane platform platformstatus plndr pod podcidr
podcidrs pods policy pool pools port porter portrange ports preference preferred preferrednodeselectors preflight present
preserve previous primary privilege privileged process profile profiling projectcalico projected protobuf protocol provider
proxier proxies proxy proxyarguments proxymode public publish publishnotreadyaddresses pull pulumi purelb purelbv2 r rancher
range ranges rank reachability read readonly readonlyrootfilesystem ready reason reboot rebooted reconcile ref references
refused regarding regex release remote removed renew renewtime replace replacement request requests required
requiredduringschedulingignoredduringexecution resource resourcecontainer resources restart restartcount restarted
restartedat restartpolicy restarts result revisions rke rke2 role rolled rolling rollingupdate rollout root route routed
router routers row rows rules run runasgroup runasnonroot runasuser runner running runtime runtimedefault satisfied scalar
scheduled scheduler scheduling scope score sctp seccomp seccompprofile seconds section security securitycontext seen selected
selector selectors self sequence series server servers service serviceallocation serviceexternalip servicel2status
servicel2statuses servicelb servicename servicenamespace services serviceselector serviceselectors serving sessionaffinity
set setbalancer setpriv sh sha sha256 shared sharing show showhiddenmetricsforversion similar slave slices source sources
speaker spec specified sriov sriovnetwork sriovnetworknodestate sriovnetworknodestates stable stack start started startedat
state static status statuses stdbuf str strategy strict strictarp strictarpstatus string subnet subnets subpath succeeded
successful sudo summary svc svccontroller svclb svcname svcnamespace svcs sync syncperiod sys sysctl sysctlparameters sysctls
system t table tag taint taints talos tap taskset tcp tcpfintimeout tcptimeout team template templates terminated terminating
termination terminationgraceperiodseconds terms terraform text tf the then time timed timeout times timestamp tini to token
tolerations toolkit traffic transitions transport true ttl ttlsecondsafterfinished tun tuning tunl tunnel twice type u udp
udpidletimeout udptimeout uid unable unavailable unicast universe unknown unmatched unreachable unread unreadable unrecorded
unshare unsure until update updatestrategy upgrade user users userspace usr v v1 v1alpha1 v1alpha2 v1beta1 v1beta2 v1beta3 v2
v3 v6 valid value valuefrom values valuescontent var vars vendor version veth vfs vip viphost virbr virtual virtualrouters
vlan vm vmware vnd vnet volume volumemounts volumes vrf vrrp vtep vtepmac vti vxlan vxlantunnelmacaddr waiting weave weight
where windows windowsrunasservice winkernel wireguard with without write y yaml yes z zsh
"""
"""In lower case, sorted. A camel-case word is listed whole and in parts: `strictarp`, `strict`, `arp`."""

WORDS = frozenset(_LISTED.split())

_WORD = re.compile(r"[A-Za-z0-9]+")


def is_known(text: str) -> bool:
    """Whether every word is listed or is a number of at most five digits."""
    found = _WORD.findall(text)
    return bool(found) and text.isascii() and all(word.lower() in WORDS or _short(word) for word in found)


def _short(word: str) -> bool:
    return word.isdecimal() and len(word) <= 5
