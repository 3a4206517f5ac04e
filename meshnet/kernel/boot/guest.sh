# Process 1 of the guest kernel: runs the lab's process and buries the orphans; the machine goes off with it.
# It is given the Python to use, the module to run and the module's arguments.
SETUPTOOLS_USE_DISTUTILS=stdlib # mininet asks for distutils; setuptools' own takes 0.7 s to import here
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH SETUPTOOLS_USE_DISTUTILS
mount -t proc proc /proc
python=$1 module=$2
shift 2
"$python" -I -m "$module" "$@"
echo o > /proc/sysrq-trigger
