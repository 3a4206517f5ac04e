"""Looking at a running lab: where a packet goes, and what stands in the way of one."""
