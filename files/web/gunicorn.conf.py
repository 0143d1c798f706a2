"""What is the same for every deployment; the rest is given on gunicorn's command line.

Read by gunicorn 19 on Python 2 and by the current one: a setting that a version does not know is
ignored here, while it would be refused as an argument.
"""

# The workers' heartbeat files. The root file system is read-only, and a file system on a disk
# can block long enough for a healthy worker to look dead.
worker_tmp_dir = "/dev/shm"

# Since 25.1 gunicorn makes a control socket below the home directory, which is read-only.
control_socket_disable = True
