"""What a lab needs of a machine, what the machine has, and what would mend the rest.

``tools``         the commands a lab uses, and the packages they come in
``machine``       what was found, looked up once
``requirements``  one check a requirement: a pure function of what was found
``report``        the lines and the JSON people read

The standard library is enough for all of it, so that ``make doctor`` works before anything is installed.
"""
