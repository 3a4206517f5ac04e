# Process 1 of the guest kernel: runs the lab's process and buries the orphans; the machine goes off with it.
# It is given the Python to use and the module to run.
SETUPTOOLS_USE_DISTUTILS=stdlib  # mininet wants distutils; setuptools' own takes 0.7 s to import
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH SETUPTOOLS_USE_DISTUTILS
mount -t proc proc /proc
"$1" -I -m "$2"
echo o > /proc/sysrq-trigger
