# Each target is one line; what it does is a script of that name in scripts/, or the meshnet command.
#
#   make lab LAB=examples/wordpress     another lab than the article's
#   make lab ARGS="--kernel uml"        more arguments, for any target that takes some

LAB :=
ARGS :=

.PHONY: help setup lab tour test test-long check doctor bench lock clean
.DEFAULT_GOAL := help

help:           ## print this list
	@sed -n 's/^\([a-z-]*\): .*## /    make \1\t/p' Makefile
setup:          ## install what is missing: system packages by apt (as root), Python packages into .venv
	@exec scripts/setup
lab: setup      ## the article's swarm and a prompt in it (LAB=folder, ARGS=more)
	@exec scripts/run meshnet lab $(LAB) $(ARGS)
tour: setup     ## walk through the article, each command typed and checked
	@exec scripts/run meshnet tour $(LAB) $(ARGS)
test: setup     ## unit tests, then lab tests in the best kernel there is
	@exec scripts/run scripts/test $(ARGS)
test-long: setup ## drawn swarms by the hundred: is what is predicted what is seen? (some hours)
	@exec scripts/run scripts/test-long $(ARGS)
check: setup    ## ruff, mypy, layers and the tests that need no root
	@exec scripts/run scripts/check
doctor:         ## what a lab needs of this machine, what it has, and the mend
	@exec scripts/doctor $(ARGS)
bench: setup    ## how long things take, in figures
	@exec scripts/run meshnet bench $(ARGS)
lock: setup     ## write constraints.txt anew, with the newest versions pyproject.toml allows
	@exec scripts/lock
clean:          ## remove .venv and all caches
	@exec scripts/clean
