"""The only code that touches a kernel: namespaces, netlink, iptables, IPVS, sysctls; and, in ``boot``, which kernel."""
