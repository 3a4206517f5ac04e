"""A namespace's iptables and its connections, walked as the kernel walks them."""
